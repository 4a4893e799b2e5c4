package serve

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store/memory"
)

// piped is a listener of one connection without buffers: a write waits until the other side
// reads.
type piped struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (p *piped) Accept() (net.Conn, error) {
	select {
	case c := <-p.conn:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *piped) Close() error   { close(p.closed); return nil }
func (p *piped) Addr() net.Addr { return &net.UnixAddr{Name: "piped", Net: "unix"} }

// TestStalledClients: a client without a key that sends half a body, or does not read the
// answer, loses its connection within three minutes, whatever it asked for.
func TestStalledClients(t *testing.T) {
	for _, request := range []string{
		"GET /readyz", "POST /readyz", "GET /livez", "POST /livez", "GET /docs", "POST /docs", "GET /llms.txt", "OPTIONS *", "OPTIONS /readyz", "GET /healthz", "GET /none", "POST /v1/end-users", "GET /none/readyz",
	} {
		t.Run(request, func(t *testing.T) {
			t.Run("body", func(t *testing.T) {
				stall(t, request+" HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{", func(net.Conn) {})
			})
			t.Run("answer", func(t *testing.T) {
				stall(t, request+" HTTP/1.1\r\nHost: a\r\n\r\n", func(c net.Conn) {
					<-time.After(2 * time.Minute)
					if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
						t.Error("the answer is still there")
					}
				})
			})
		})
	}
}

// stall sends a text, calls then, and waits for the end of the connection.
func stall(t *testing.T, text string, then func(net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		users := enduser.New(memory.New(nil), nil)
		s := &server{users: users, log: slog.New(slog.DiscardHandler), closing: make(chan struct{}), drain: time.Second}
		routes := unauthorized(t, users, s.closing)
		l := &piped{make(chan net.Conn), make(chan struct{})}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.serve(ctx, l, routes) }()
		defer func() {
			end()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		client, conn := net.Pipe()
		defer client.Close()
		l.conn <- conn
		if err := client.SetReadDeadline(time.Now().Add(3 * time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(client, text); err != nil {
			t.Fatal(err)
		}
		then(client)
		if _, err := io.Copy(io.Discard, client); err != nil {
			t.Errorf("the connection is still open: %v", err)
		}
	})
}

// unauthorized returns routes that accept no key.
func unauthorized(t *testing.T, users *enduser.Manager, closing <-chan struct{}) mounts {
	t.Helper()
	native, err := httpapi.New(users, new(httpapi.Tokens).Authenticate, nil)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := pages(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return mounts{
		native: native, pages: docs, live: liveness{time.Now},
		ready: &readiness{check: users.Ready, now: time.Now, log: slog.New(slog.DiscardHandler), closing: closing},
	}
}
