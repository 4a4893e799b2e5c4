package serve

import (
	"net"
	"net/http"
	"sync"
)

// connections is a listener with at most so many connections at once. If one more comes, it
// closes the one that has been idle for longest, as a server may (RFC 9112, section 9.5). If
// none is idle, the new one waits. Changed must be the ConnState of the server that uses it.
type connections struct {
	net.Listener

	limit int // 0: any number

	mu      sync.Mutex
	less    *sync.Cond          // a connection has ended or become idle, or the listener has closed
	open    int                 // connections that the server has
	idle    map[net.Conn]uint64 // in the order in which they became idle
	next    uint64
	leaving map[net.Conn]bool // closed by makeRoom, and still among the open ones
	closed  bool
}

func limited(l net.Listener, limit int) *connections {
	c := &connections{Listener: l, limit: limit, idle: make(map[net.Conn]uint64), leaving: make(map[net.Conn]bool)}
	c.less = sync.NewCond(&c.mu)
	return c
}

// Accept implements net.Listener. Only one goroutine may call it.
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil || c.limit == 0 {
		return conn, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.closed && c.open >= c.limit {
		if !c.makeRoom() {
			c.less.Wait()
		}
	}
	if c.closed {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	return conn, nil
}

// makeRoom closes the connection that has been idle for longest, unless enough are closed. It
// reports whether it closed one. The lock is not held meanwhile.
func (c *connections) makeRoom() bool {
	if c.open-len(c.leaving) < c.limit || len(c.idle) == 0 {
		return false
	}
	var oldest net.Conn
	for conn, n := range c.idle {
		if oldest == nil || n < c.idle[oldest] {
			oldest = conn
		}
	}
	delete(c.idle, oldest)
	c.leaving[oldest] = true
	c.mu.Unlock()
	_ = oldest.Close()
	c.mu.Lock()
	return true
}

// changed is the http.Server's ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	if c.limit == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.idle, conn)
	switch state {
	case http.StateNew:
		c.open++
		return
	case http.StateActive:
		if c.leaving[conn] { // its request came as it was closed
			panic(http.ErrAbortHandler) //nolint:forbidigo // net/http recovers it: nothing is done, and the client sends it again
		}
		return
	case http.StateIdle:
		c.next++
		c.idle[conn] = c.next
	case http.StateClosed, http.StateHijacked:
		c.open--
		delete(c.leaving, conn)
	}
	c.less.Signal()
}

// Close implements net.Listener.
func (c *connections) Close() error {
	c.mu.Lock()
	c.closed = true
	c.less.Signal()
	c.mu.Unlock()
	return c.Listener.Close()
}
