package serve

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

func limitedServer(limit int) *server {
	return &server{
		users: enduser.New(memory.New(nil), nil), log: slog.New(slog.DiscardHandler), limit: limit, closing: make(chan struct{}), drain: drain,
	}
}

// TestIdleConnectionsMakeRoom: at the limit, each client that comes is answered, and one of the
// idle connections ends.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	const limit, clients = 2, 5
	r := run(t, limitedServer(limit), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	ended, left := make(chan bool), make(map[net.Conn]bool)
	var conns []net.Conn
	for range clients {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		exchange(t, conn)
		conns = append(conns, conn)
		left[conn] = true
	}
	var mu sync.Mutex
	for _, conn := range conns {
		go func() {
			_, err := conn.Read(make([]byte, 1))
			if errors.Is(err, io.EOF) {
				mu.Lock()
				delete(left, conn)
				mu.Unlock()
			}
			ended <- errors.Is(err, io.EOF)
		}()
	}
	for range clients - limit {
		if !<-ended {
			t.Error("a connection did not end as it should")
		}
	}
	mu.Lock()
	last := slices.Collect(maps.Keys(left))
	mu.Unlock()
	if len(last) != limit {
		t.Errorf("%d connections are left, want %d", len(last), limit)
	}
	for _, conn := range last {
		if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if <-ended {
			t.Error("one more has ended")
		}
		if err := conn.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		exchange(t, conn)
	}
}

// exchange sends a request and reads the answer, which has no body.
func exchange(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for part := make([]byte, 512); !strings.HasSuffix(text.String(), "\r\n\r\n"); {
		n, err := conn.Read(part)
		if err != nil {
			t.Fatalf("%q %v", text.String(), err)
		}
		text.Write(part[:n])
	}
}

// TestBusyConnectionsStay: at the limit, with every connection in use, a client that comes waits
// until one ends. It does not keep the server from ending.
func TestBusyConnectionsStay(t *testing.T) {
	const limit = 3
	var now atomic.Int32
	entered, release := make(chan struct{}), make(chan struct{})
	r := run(t, limitedServer(limit), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if now.Add(1) > limit {
			t.Error("more than the limit at once")
		}
		entered <- struct{}{}
		<-release
		now.Add(-1)
	}))
	client := newClient(t)
	answered := make(chan error, 3*limit)
	for range cap(answered) {
		go func() {
			_, err := send(client, "GET", r.url, nil)
			answered <- err
		}()
	}
	for range limit {
		<-entered
	}
	for range cap(answered) - limit { // each that goes lets one in
		release <- struct{}{}
		<-entered
	}
	close(release)
	for range cap(answered) {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

// TestOneMakesRoom: for each that comes, one idle connection ends, the first, and that one counts until
// it has ended.
func TestOneMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		come := &piped{make(chan net.Conn, 1), make(chan struct{})}
		l := limited(come, 3)
		var clients, conns []net.Conn
		for range 3 {
			client, conn := net.Pipe()
			l.changed(conn, http.StateNew)
			l.changed(conn, http.StateActive)
			clients, conns = append(clients, client), append(conns, conn)
		}
		for _, i := range []int{1, 0, 2} {
			l.changed(conns[i], http.StateIdle)
		}
		l.changed(conns[1], http.StateActive)
		l.changed(conns[1], http.StateIdle) // the last now
		ended := make(chan int, len(clients))
		for i, client := range clients {
			go func() {
				_, _ = client.Read(make([]byte, 1))
				ended <- i
			}()
		}
		_, more := net.Pipe()
		come.conn <- more
		accepted := make(chan net.Conn, 1)
		go func() {
			conn, err := l.Accept()
			if err != nil {
				t.Error(err)
			}
			accepted <- conn
		}()
		synctest.Wait()
		if len(ended) != 1 || <-ended != 0 || len(accepted) != 0 {
			t.Errorf("%d more have ended, and %d came before there was room", len(ended), len(accepted))
		}
		l.changed(conns[2], http.StateActive)
		l.changed(conns[2], http.StateIdle)
		synctest.Wait()
		if len(ended) != 0 || len(accepted) != 0 {
			t.Errorf("%d more have ended, and %d came before there was room", len(ended), len(accepted))
		}
		func() {
			defer func() {
				if recover() != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
					t.Error("the request of a connection that was closed is served")
				}
			}()
			l.changed(conns[0], http.StateActive)
		}()
		l.changed(conns[0], http.StateClosed)
		if <-accepted != more {
			t.Error("another one was accepted")
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
}

// TestLimitEnds: a connection that waits does not keep the listener from closing.
func TestLimitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(&piped{make(chan net.Conn, 1), make(chan struct{})}, 1)
		client, conn := net.Pipe()
		l.changed(nil, http.StateNew)
		l.Listener.(*piped).conn <- conn
		accepted := make(chan error, 1)
		go func() {
			_, err := l.Accept()
			accepted <- err
		}()
		<-time.After(time.Second) // it waits
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-accepted; err == nil {
			t.Error("it was accepted")
		}
		if _, err := client.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // as readers return it
			t.Errorf("the connection that waited: %v", err)
		}
	})
}
