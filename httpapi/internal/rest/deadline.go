package rest

import (
	"net/http"
	"time"
)

// A client has writeFor to read an answer, and more time for a long one.
const (
	writeFor  = 30 * time.Second
	writeRate = 64 << 10 // bytes a second
)

// limitWrite sets the deadline by which the client must have read so many bytes of an answer,
// given how long it was waited for already. A client that reads nothing would keep the answer in memory, and the server from
// shutting down. If the host's server has a WriteTimeout, that holds instead. net/http
// takes the deadline back once everything is sent, so that it does not reach the host's
// other handlers.
func (c *Call[P]) limitWrite(size int, waited time.Duration) {
	if s, ok := c.Request.Context().Value(http.ServerContextKey).(*http.Server); ok && s.WriteTimeout > 0 {
		return
	}
	setWriteDeadline(c.w, time.Now().Add(writeFor+time.Duration(size)*time.Second/writeRate-waited))
}

// setReadDeadline and setWriteDeadline do what http.ResponseController does, without
// allocating. They do nothing if the server has no deadlines.
func setReadDeadline(w http.ResponseWriter, deadline time.Time) {
	for {
		switch t := w.(type) {
		case interface{ SetReadDeadline(time.Time) error }:
			_ = t.SetReadDeadline(deadline)
			return
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return
		}
	}
}

func setWriteDeadline(w http.ResponseWriter, deadline time.Time) {
	for {
		switch t := w.(type) {
		case interface{ SetWriteDeadline(time.Time) error }:
			_ = t.SetWriteDeadline(deadline)
			return
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return
		}
	}
}
