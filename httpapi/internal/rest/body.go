package rest

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// readBody reads the request's body. It checks the headers first: a body that
// would be refused is not read.
func (c *Call[P]) readBody(route *Route[P]) error {
	if route.Empty && c.Request.ContentLength == 0 {
		c.body = "{}"
		return nil
	}
	if err := c.checkMediaType(); err != nil {
		return err
	}
	most := c.h.config.MaxBody
	if route.MaxBody > 0 {
		most = min(most, route.MaxBody)
	}
	coding, err := c.coding()
	if err != nil {
		return err
	}
	if c.Request.ContentLength > most {
		return TooLarge(most)
	}
	var body io.Reader = c.Request.Body
	if c.Request.ContentLength < 0 { // net/http holds others to the length they gave
		body = http.MaxBytesReader(c.w, c.Request.Body, most)
	}
	if coding == "gzip" {
		if body, err = inflate(body, most); err != nil {
			return bodyProblem(err, most)
		}
	}
	if c.in, err = readAll(c.in[:0], body); err != nil {
		return bodyProblem(err, most)
	}
	if int64(len(c.in)) > most {
		return TooLarge(most)
	}
	c.body = string(c.in)
	return nil
}

// readAll is io.ReadAll into a buffer that is there already.
func readAll(b []byte, r io.Reader) ([]byte, error) {
	if cap(b) == 0 {
		b = make([]byte, 0, 1024)
	}
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return b, err
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}

var errTrailing = errors.New("data behind the compressed stream")

// inflate reads one gzip stream, with nothing behind it, of at most limit bytes
// and one more, by which the caller sees that it is too long.
func inflate(r io.Reader, limit int64) (io.Reader, error) {
	b := bufio.NewReader(r) // gzip would make one of its own, and swallow what follows
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return io.LimitReader(&oneStream{z, b}, limit+1), nil
}

type oneStream struct {
	z *gzip.Reader
	r io.Reader
}

func (s *oneStream) Read(b []byte) (int, error) {
	n, err := s.z.Read(b)
	if errors.Is(err, io.EOF) {
		var rest [1]byte
		if m, _ := io.ReadFull(s.r, rest[:]); m > 0 {
			return n, errTrailing
		}
	}
	return n, err
}

func bodyProblem(err error, limit int64) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return TooLarge(limit)
	}
	return BadRequest("malformed-body", "The body could not be read.")
}

// checkMediaType allows application/json in UTF-8.
func (c *Call[P]) checkMediaType() error {
	types := c.Request.Header["Content-Type"]
	if len(types) != 1 {
		return UnsupportedMedia()
	}
	if types[0] == "application/json" {
		return nil
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil {
		return UnsupportedMedia()
	}
	patch := c.h.config.MergePatch && c.Request.Method == http.MethodPatch && media == "application/merge-patch+json"
	if media != "application/json" && !patch {
		return UnsupportedMedia()
	}
	for name, value := range params {
		if name == "charset" && !strings.EqualFold(value, "utf-8") {
			return UnsupportedMedia()
		}
	}
	return nil
}

// coding returns the content coding of the body, "" for none.
func (c *Call[P]) coding() (string, error) {
	codings := c.Request.Header["Content-Encoding"]
	switch {
	case len(codings) == 0:
		return "", nil
	case len(codings) == 1 && strings.EqualFold(codings[0], "identity"):
		return "", nil
	case len(codings) == 1 && c.h.config.Gzip && strings.EqualFold(codings[0], "gzip"):
		return "gzip", nil
	}
	return "", UnsupportedMedia()
}
