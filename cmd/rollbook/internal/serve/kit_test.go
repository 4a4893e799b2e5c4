package serve

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const testKey = "key-of-a-test"

// patience bounds every wait of these tests, for machines under load.
const patience = 3 * time.Minute

// running is a server that runs in the test.
type running struct {
	url   string
	end   context.CancelFunc
	ended chan error
}

// run runs a server, on a free port.
func run(t *testing.T, s *server, h http.Handler) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	r := &running{url: "http://" + listener.Addr().String(), end: end, ended: make(chan error, 1)}
	go func() {
		r.ended <- s.serve(ctx, listener, h)
		close(r.ended)
	}()
	t.Cleanup(func() {
		end()
		<-r.ended
	})
	return r
}

// answer is what a server answered.
type answer struct {
	status int
	body   string
}

func newClient(t *testing.T) *http.Client {
	t.Helper()
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// send makes a request with testKey.
func send(client *http.Client, method, url string, body io.Reader) (answer, error) {
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return answer{got.StatusCode, string(text)}, err
}

// logged is the text of a log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) count(text string) int { return strings.Count(l.String(), text) }
