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
	for c.size <= most {
		room := min(max(c.size, smallBody), partSize, most+1-c.size)
		if c.size > 0 {
			if err := c.take(room); err != nil {
				return err
			}
		}
		part := make([]byte, 0, room)
		for len(part) < cap(part) { // io.ReadFull would hide that the body was cut off
			n, err := r.Read(part[len(part):cap(part)])
			part = part[:len(part)+n]
			if err != nil {
				c.add(part)
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
		}
		c.add(part)
	}
	return nil
}

func (c *Call[P]) add(part []byte) {
	c.parts = append(c.parts, part)
	c.size += int64(len(part))
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
