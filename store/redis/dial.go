package redis

import (
	"context"
	"net"
	"time"
)

// dialer connects to an address, as goredis.Options.Dialer does.
type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// failLate returns a dialer that, where dialing fails, returns a connection whose every
// use fails with that error. A pool of go-redis counts the dials that fail: after as many
// as its size it dials only once a second until the server is back.
func failLate(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return failed{notConnected{err}}, nil //nolint:nilerr // see above
		}
		return conn, nil
	}
}

// notConnected is an error of connecting: nothing was sent.
type notConnected struct{ err error }

func (e notConnected) Error() string { return e.err.Error() }
func (e notConnected) Unwrap() error { return e.err }

// failed is a connection that was not made.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error)       { return 0, f.err }
func (f failed) Write([]byte) (int, error)      { return 0, f.err }
func (failed) Close() error                     { return nil }
func (failed) LocalAddr() net.Addr              { return nowhere{} }
func (failed) RemoteAddr() net.Addr             { return nowhere{} }
func (failed) SetDeadline(time.Time) error      { return nil }
func (failed) SetReadDeadline(time.Time) error  { return nil }
func (failed) SetWriteDeadline(time.Time) error { return nil }

// nowhere is the address of a connection that was not made.
type nowhere struct{}

func (nowhere) Network() string { return "tcp" }
func (nowhere) String() string  { return "" }
