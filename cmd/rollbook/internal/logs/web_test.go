package logs_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/logs"
)

// TestWeb: what clients can cause is shown once a minute, and says nothing of them.
func TestWeb(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		web := logs.Web(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})))
		say := func(line string) { web.Print(line) } //nolint:forbidigo // as package http does
		for range 3 {
			say("http: TLS handshake error from 192.0.2.1:4000: remote error: tls: expired certificate")
			say("http: TLS handshake error from [2001:db8::1]:4000: tls: client requested unsupported application protocols ([\"ann\\nbob\"])")
		}
		say("http2: server: error reading preface from client 192.0.2.1:4000: bogus greeting \"ann\"")
		say("http: panic serving 192.0.2.1:4000: index out of range\ngoroutine 7")
		say("http: Accept error: accept4: too many open files; retrying in 5ms")
		time.Sleep(time.Minute) //nolint:forbidigo // time of the bubble
		say("http: TLS handshake error from 192.0.2.1:4000: EOF")
		want := `level=WARN msg="a TLS handshake failed" reason="remote error: tls: expired certificate"
level=WARN msg="a TLS handshake failed"
level=WARN msg="a connection of HTTP/2 was refused"
level=WARN msg="http: panic serving a client: index out of range\ngoroutine 7"
level=WARN msg="http: Accept error: accept4: too many open files; retrying in 5ms"
level=WARN msg="a TLS handshake failed" more=2
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestWebKnowsTheLines: a http.Server writes the lines that Web knows.
func TestWebKnowsTheLines(t *testing.T) {
	t.Parallel()
	var out lines
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = logs.Web(slog.New(slog.NewTextHandler(&out, nil)))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	plain, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	secure, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // a test
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	for _, conn := range []net.Conn{plain, secure} {
		if _, err := io.WriteString(conn, "GET /ann HTTP/1.1\r\nHost: bob\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Log(err) // it was reset
		}
	}
	s.Close() // what it logs of a connection is before it closes it
	got := out.String()
	for _, want := range []string{"HTTP request to an HTTPS server", "HTTP/2 was refused"} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	for _, hidden := range []string{"127.0.0.1", "ann", "bob"} {
		if strings.Contains(got, hidden) {
			t.Errorf("it shows %q:\n%s", hidden, got)
		}
	}
}

// lines is a log that several goroutines write.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
