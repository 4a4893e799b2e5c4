package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestStalledClientsOfHTTP2: a client without a key that sends half a body, leaves no room for
// the answer, or does not read at all, loses its connection of HTTP/2 within three minutes.
func TestStalledClientsOfHTTP2(t *testing.T) {
	for _, path := range []string{"/readyz", "/docs", "/healthz", "/v1/end-users", "/none"} {
		t.Run(path, func(t *testing.T) {
			for name, stall := range map[string]func(*testing.T, *tls.Conn){
				"body": func(t *testing.T, c *tls.Conn) {
					go beginHTTP2(c, path, 1<<20)
					readHTTP2(t, c)
				},
				"answer": func(t *testing.T, c *tls.Conn) {
					go beginHTTP2(c, path, 0)
					readHTTP2(t, c)
				},
				"nothing is read": func(t *testing.T, c *tls.Conn) {
					_, _ = io.WriteString(c, http2.ClientPreface)
					<-time.After(150 * time.Second)
					if _, err := c.NetConn().Write([]byte{0}); err == nil {
						t.Error("the connection is still open")
					}
				},
			} {
				t.Run(name, func(t *testing.T) {
					serveHTTP2(t, func(s *server) http.Handler { return unauthorized(t, s.users, s.closing) }, func(c *tls.Conn) { stall(t, c) })
				})
			}
		})
	}
}

// TestVanishedClientOfHTTP2: a long poll does not keep the connection of a client that is not there
// any more, or does not read.
func TestVanishedClientOfHTTP2(t *testing.T) {
	for name, client := range map[string]func(*tls.Conn){
		"does not answer": func(c *tls.Conn) { _, _ = io.Copy(io.Discard, c) },
		"does not read": func(c *tls.Conn) {
			framer := http2.NewFramer(c, nil)
			for framer.WritePing(false, [8]byte{}) == nil {
				<-time.After(10 * time.Second)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			poll := func(*server) http.Handler {
				return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					select {
					case <-r.Context().Done():
					case <-time.After(2 * time.Minute):
						t.Error("it still waits")
					}
				})
			}
			serveHTTP2(t, poll, func(c *tls.Conn) {
				go beginHTTP2(c, "/", 0)
				<-time.After(time.Second)
				client(c)
			})
		})
	}
}

// serveHTTP2 serves routes to a client of HTTP/2, on a connection without buffers.
func serveHTTP2(t *testing.T, routes func(*server) http.Handler, client func(*tls.Conn)) {
	t.Helper()
	p := pairIn(t.TempDir())
	p.write(t, 1, time.Now().Add(time.Hour))
	synctest.Test(t, func(t *testing.T) {
		s := limitedServer(10)
		var err error
		if s.tls, err = (tlsFlags{p.cert, p.key}).open(time.Now, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		h := routes(s)
		l := &piped{make(chan net.Conn), make(chan struct{})}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.serve(ctx, l, h) }()
		defer func() {
			end()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		raw, conn := net.Pipe()
		defer raw.Close()
		l.conn <- conn
		if err := raw.SetDeadline(time.Now().Add(3 * time.Minute)); err != nil {
			t.Fatal(err)
		}
		c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // not what is tested
		if err := c.HandshakeContext(ctx); err != nil {
			t.Fatal(err)
		}
		client(c)
	})
}

// readHTTP2 reads what the server sends, and answers its pings, until the end of the connection.
func readHTTP2(t *testing.T, c *tls.Conn) {
	framer := http2.NewFramer(c, c)
	for {
		frame, err := framer.ReadFrame()
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // as connections return it
			t.Error("the connection is still open")
		}
		if err != nil {
			return
		}
		if ping, ok := frame.(*http2.PingFrame); ok && !ping.IsAck() {
			_ = framer.WritePing(true, ping.Data) // the connection may end
		}
	}
}

// beginHTTP2 sends a request up to its body, of which it sends a byte. Window is how many bytes of
// the answer it takes.
func beginHTTP2(client io.Writer, path string, window uint32) {
	var fields, text bytes.Buffer
	encoder := hpack.NewEncoder(&fields)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", path}, {"content-length", "9"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	text.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&text, nil)
	_ = framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields.Bytes(), EndHeaders: true})
	_ = framer.WriteData(1, false, []byte("{"))
	_, _ = client.Write(text.Bytes())
}
