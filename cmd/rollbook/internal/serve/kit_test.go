package serve

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/config"
)

const testKey = "key-of-a-test"

// patience bounds every wait of these tests, for machines under load.
const patience = 3 * time.Minute

// running is a server that runs in the test.
type running struct {
	url   string
	end   context.CancelFunc
	ended chan error // has what serve returns, and is closed then
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
		for err := range r.ended { // nothing if the test has taken it
			if err != nil {
				t.Error(err)
			}
		}
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

// served is the command serve, which runs in the test.
type served struct {
	url    string
	log    *logged
	hangup func() // nil if SIGHUP ends it
}

// startServe runs the command with arguments, on a free port.
func startServe(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	s := &served{log: new(logged)}
	env := &cli.Env{Stdout: in, Stderr: s.log, Now: time.Now, OnHangup: func(f func()) { s.hangup = f }}
	args = append([]string{"serve", "-addr=127.0.0.1:0", "-store=memory:", "-keyring=none", "-key=" + testKey + "=demo"}, args...)
	ended := make(chan int, 1)
	go func() {
		status := config.Main(ctx, &struct {
			Serve Serve `cmd:""`
		}{}, args, nil, env)
		_ = in.Close()
		ended <- status
	}()
	t.Cleanup(func() {
		cancel()
		if status := <-ended; status != cli.OK {
			t.Errorf("it ended with status %d and logged\n%s", status, s.log)
		}
	})
	line, _ := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("it printed %q and logged\n%s", line, s.log)
	}
	s.url = url
	return s
}
