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
// A WriteTimeout of the host's server holds instead. net/http takes the deadline back
// once everything is sent, so that the host's other handlers have none of it.
func (c *Call[P]) limitWrite(size int) {
	if s, ok := c.Request.Context().Value(http.ServerContextKey).(*http.Server); ok && s.WriteTimeout > 0 {
		return
	}
	setWriteDeadline(c.w, time.Now().Add(writeFor+time.Duration(size)*time.Second/writeRate))
}

// setReadDeadline and setWriteDeadline do what http.ResponseController does, and
// allocate nothing. A server that has no deadlines to set is none of ours.
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
