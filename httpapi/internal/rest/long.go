package rest

import (
	"net/http"
	"time"
)

// longPart is how much of a long answer is sent at a time.
const longPart = 32 << 10

// Long is an answer of 200 that is sent while it is made, so that it takes little memory
// however long it is. One that is short enough is sent as any other.
type Long[P any] struct {
	c       *Call[P]
	media   string
	buf     []byte
	begun   bool
	sent    int           // bytes
	waiting time.Duration // for the client to read
}

// Long begins an answer. Add makes it, and End ends it. Before the first Add the route may return
// an error instead.
func (c *Call[P]) Long(mediaType string) *Long[P] {
	return &Long[P]{c: c, media: mediaType, buf: c.Buffer()}
}

// Add adds what write appends. An error means that the client has left, or reads too slowly.
func (l *Long[P]) Add(write func([]byte) []byte) error {
	if l.buf = write(l.buf); len(l.buf) < longPart {
		return nil
	}
	return l.send()
}

// End sends the rest.
func (l *Long[P]) End() error {
	c := l.c
	if !l.begun {
		c.header["Content-Type"] = []string{l.media}
		c.send(http.StatusOK, l.buf)
		return nil
	}
	c.free()
	err := l.send()
	c.out = l.buf
	return err
}

// send sends what was added. The client has as long to read the parts as for one answer of their
// length; the time that they take to make does not count.
func (l *Long[P]) send() error {
	c := l.c
	if !l.begun {
		l.begun, c.wrote = true, true
		c.answered(http.StatusOK)
		c.header["Content-Type"] = []string{l.media}
		c.setHeader(http.StatusOK, -1)
		c.w.WriteHeader(http.StatusOK)
	}
	l.sent += len(l.buf)
	began := time.Now()
	c.limitWrite(l.sent, l.waiting)
	_, err := c.w.Write(l.buf)
	l.waiting += time.Since(began)
	l.buf = l.buf[:0]
	return err
}
