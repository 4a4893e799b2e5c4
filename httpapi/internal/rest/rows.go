package rest

import (
	"bytes"
	"errors"
	"io"
)

// partSize is how much of a body of rows is taken at a time, once it is known to be large.
const partSize = 256 << 10

// readParts reads a body of rows. It is kept in parts, each counted before there is memory for
// it, so that it takes what it is counted for: no part is copied into a larger one.
func (c *Call[P]) readParts(r io.Reader, most int64) error {
	total := 0
	for {
		size := int(min(int64(max(total, smallBody)), partSize, most+1-int64(total)))
		if total > 0 {
			if err := c.take(int64(size)); err != nil {
				return err
			}
		}
		part := make([]byte, size)
		n, err := io.ReadFull(r, part)
		c.parts, total = append(c.parts, part[:n]), total+n
		c.size = int64(total)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil || c.size > most:
			return err
		}
	}
}

// Rows returns a reader of the body of a route with Rows, from its beginning. It can be called
// again, until everything is answered.
func (c *Call[P]) Rows() io.Reader {
	parts := make([]io.Reader, len(c.parts))
	for i, part := range c.parts {
		parts[i] = bytes.NewReader(part)
	}
	return io.MultiReader(parts...)
}

// rowTypes are the media types of rows.
func rowTypes() []string {
	return []string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"}
}
