package rest

import (
	"net/http"
	"time"
)

// How long a client may take to read an answer: some time, and more for a long one.
const (
	writeFor  = 30 * time.Second
	writeRate = 64 << 10 // bytes a second
)

// limitWrite gives the client so long to read an answer of that many bytes, from now.
// Who reads nothing would keep the answer in memory, and the server from shutting down.
//
// The connection belongs to the host, whose other handlers may come next. So endWrite
// takes the deadline back, after everything is sent. Where the host's server has a
// WriteTimeout, or its middleware cannot flush or set a deadline, there is none.
func (c *Call[P]) limitWrite(size int) {
	if s, ok := c.Request.Context().Value(http.ServerContextKey).(*http.Server); ok && s.WriteTimeout > 0 {
		return
	}
	flush, ok := c.w.(http.Flusher)
	if !ok {
		return
	}
	limit := writeFor + time.Duration(size)*time.Second/writeRate
	if setWriteDeadline(c.w, time.Now().Add(limit)) {
		c.flush = flush
	}
}

// endWrite sends what the server still has in its buffers and takes the deadline back.
func (c *Call[P]) endWrite() {
	if c.flush != nil {
		c.flush.Flush()
		c.flush = nil
		setWriteDeadline(c.w, time.Time{})
	}
}

// setReadDeadline and setWriteDeadline do what http.ResponseController does, and
// allocate nothing. They report whether there is a deadline to set.
func setReadDeadline(w http.ResponseWriter, deadline time.Time) bool {
	for {
		switch t := w.(type) {
		case interface{ SetReadDeadline(time.Time) error }:
			return t.SetReadDeadline(deadline) == nil
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}

func setWriteDeadline(w http.ResponseWriter, deadline time.Time) bool {
	for {
		switch t := w.(type) {
		case interface{ SetWriteDeadline(time.Time) error }:
			return t.SetWriteDeadline(deadline) == nil
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}
