package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestStalledClientsOfHTTP2: a client without a key that sends half a body, leaves no room for
// the answer, or does not read at all, loses its connection of HTTP/2 within three minutes.
func TestStalledClientsOfHTTP2(t *testing.T) {
	p := pairIn(t.TempDir())
	p.write(t, 1, time.Now().Add(time.Hour))
	for _, path := range []string{"/readyz", "/docs", "/healthz", "/v1/end-users", "/none"} {
		t.Run(path, func(t *testing.T) {
			t.Run("body", func(t *testing.T) {
				stallHTTP2(t, p, path, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}, false)
			})
			t.Run("answer", func(t *testing.T) {
				stallHTTP2(t, p, path, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}, false)
			})
			t.Run("nothing is read", func(t *testing.T) {
				stallHTTP2(t, p, path, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}, true)
			})
		})
	}
}

func stallHTTP2(t *testing.T, p pair, path string, window http2.Setting, deaf bool) {
	synctest.Test(t, func(t *testing.T) {
		s := limitedServer(10)
		var err error
		if s.tls, err = (tlsFlags{p.cert, p.key}).open(time.Now, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		routes := unauthorized(t, s.users, s.closing)
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
		raw, conn := net.Pipe()
		defer raw.Close()
		l.conn <- conn
		if err := raw.SetDeadline(time.Now().Add(3 * time.Minute)); err != nil {
			t.Fatal(err)
		}
		client := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // not what is tested
		if err := client.HandshakeContext(ctx); err != nil {
			t.Fatal(err)
		}
		if deaf {
			if _, err := io.WriteString(client, http2.ClientPreface); err != nil {
				t.Fatal(err)
			}
			<-time.After(150 * time.Second)
			if _, err := raw.Write([]byte{0}); err == nil {
				t.Error("the connection is still open")
			}
			return
		}
		go beginHTTP2(client, path, window) // while the answers are read
		framer := http2.NewFramer(client, client)
		for err == nil {
			var frame http2.Frame
			frame, err = framer.ReadFrame()
			if ping, ok := frame.(*http2.PingFrame); ok && !ping.IsAck() {
				go framer.WritePing(true, ping.Data) //nolint:errcheck // the connection may end
			}
		}
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // as connections return it
			t.Error("the connection is still open")
		}
	})
}

// beginHTTP2 sends a request up to its body, of which it sends a byte.
func beginHTTP2(client io.Writer, path string, window http2.Setting) {
	var fields, text bytes.Buffer
	encoder := hpack.NewEncoder(&fields)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", path}, {"content-length", "9"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	text.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&text, nil)
	_ = framer.WriteSettings(window)
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields.Bytes(), EndHeaders: true})
	_ = framer.WriteData(1, false, []byte("{"))
	_, _ = client.Write(text.Bytes())
}
