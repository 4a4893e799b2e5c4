package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store/memory"
)

// pipes is a listener whose connections have no buffers: what one side writes waits until
// the other reads it.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// serve serves a handler over pipes, and returns a function that opens one and one that
// shuts the server down.
func serve(t *testing.T, h http.Handler, writeTimeout time.Duration) (dial func() net.Conn, shutdown func() error) {
	t.Helper()
	server := &http.Server{Handler: h, WriteTimeout: writeTimeout, ReadHeaderTimeout: time.Minute}
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	go func() { _ = server.Serve(p) }() // ends with Shutdown
	dial = func() net.Conn {
		client, conn := net.Pipe()
		p.conns <- conn
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	return dial, func() error {
		ctx, end := context.WithTimeout(t.Context(), 10*time.Minute)
		defer end()
		return server.Shutdown(ctx)
	}
}

func get(t *testing.T, c net.Conn, path string) {
	t.Helper()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", path, apitest.Acme); err != nil {
		t.Fatal(err)
	}
}

// manyUsers makes users whose list is longer than the buffers on its way, and returns its
// length.
func manyUsers(t *testing.T, s *server) int {
	t.Helper()
	for range 200 {
		s.create(t, `{"metadata":{"a":"`+strings.Repeat("x", 8000)+`"}}`)
	}
	return len(s.do(t, "GET", list, "").want(t, 200).Body)
}

const list = "/v1/end-users?limit=200"

// TestSlowReaders: a client that does not read its answer is cut off after 30 s, or later if
// the answer is long, so that the server can shut down.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	for _, path := range []string{list, "/v1/end-users/none", "/v1/end-users?limit=1", "/none"} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t, nil, nil)
			size := len(s.do(t, "GET", path, "").Body)
			if path == list {
				size = manyUsers(t, s)
			}
			dial, shutdown := serve(t, s.handler, 0)
			get(t, dial(), path)
			synctest.Wait()
			begin := time.Now()
			if err := shutdown(); err != nil {
				t.Fatal(err)
			}
			limit := 30*time.Second + time.Duration(size)*time.Second/(64<<10)
			if took := time.Since(begin); took < limit-time.Second || took > limit+2*time.Second {
				t.Errorf("%s of %d bytes ended after %v, want %v", path, size, took, limit)
			}
		})
	}
}

// TestSlowReadersMemory: a connection that does not read holds its answer, and no more
// than 2 MiB with it.
func TestSlowReadersMemory(t *testing.T) { //nolint:paralleltest // measures the whole process
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, memory.New(nil), &httpapi.Options{Policy: enduser.Policy{MaxMetadataBytes: 200 << 10}})
		for range 200 {
			s.create(t, `{"metadata":{"a":"`+strings.Repeat("x", 60<<10)+`"}}`)
		}
		heap := func() uint64 {
			synctest.Wait()
			runtime.GC()
			runtime.GC() // what a sync.Pool had
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc + m.StackInuse
		}
		const readers = 20
		body := strings.Repeat(" ", 900<<10) + `{"metadata":{"a":"` + strings.Repeat("x", 60<<10) + `"}}`
		dial, shutdown := serve(t, s.handler, 0)
		for _, request := range []string{
			"GET " + list + " HTTP/1.1\r\n\r\n",
			"POST /v1/end-users HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body,
			"GET /v1/changes?from=now&wait=30 HTTP/1.1\r\n\r\n",
		} {
			before := heap()
			conns := make([]net.Conn, readers)
			for i := range conns {
				conns[i] = dial()
				request := strings.Replace(request, "\r\n", "\r\nHost: a\r\nAuthorization: Bearer "+apitest.Acme+"\r\n", 1)
				if _, err := io.WriteString(conns[i], request); err != nil {
					t.Fatal(err)
				}
			}
			each := (int64(heap()) - int64(before)) / readers
			t.Logf("%.30s: %d KiB a connection", request, each>>10)
			if strings.Contains(request, "wait=30") && each > 64<<10 || each > 2<<20 {
				t.Errorf("%.30s: a connection holds %d bytes", request, each)
			}
			for _, c := range conns {
				_ = c.Close()
			}
		}
		if err := shutdown(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestSteadyReaders: a client that reads at the slowest rate gets the whole answer, however
// long it waited for the first byte.
func TestSteadyReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, nil)
		size := manyUsers(t, s)
		dial, shutdown := serve(t, s.handler, 0)
		c := dial()
		read := func(want int, pace time.Duration) {
			r, err := http.ReadResponse(bufio.NewReader(paced{c, pace}), nil)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, r.Body)
			if err := errors.Join(err, r.Body.Close()); err != nil || n != int64(want) && want > 0 {
				t.Errorf("read %d bytes of %d: %v", n, want, err)
			}
		}
		get(t, c, list)
		read(size, 60*time.Millisecond) // for each 4 KiB
		get(t, c, "/v1/changes?from=now&wait=30")
		read(0, 20*time.Second)
		_ = c.Close()
		if err := shutdown(); err != nil {
			t.Fatal(err)
		}
	})
}

// paced reads 4 KiB at most at a time, after a pause.
type paced struct {
	net.Conn

	pause time.Duration
}

func (p paced) Read(b []byte) (int, error) {
	<-time.After(p.pause)
	return p.Conn.Read(b[:min(len(b), 4<<10)])
}

// TestDeadlinesAreTakenBack: the host's own handlers have no such deadline when they answer
// later on the same connection.
func TestDeadlinesAreTakenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, nil)
		mux := http.NewServeMux()
		mux.Handle("/v1/", s.handler)
		mux.HandleFunc("/host", func(w http.ResponseWriter, r *http.Request) {
			for range 10 {
				<-time.After(time.Minute)
				_, _ = io.WriteString(w, "x")
				w.(http.Flusher).Flush()
			}
			if r.Context().Err() != nil {
				t.Error("the request's context has ended")
			}
		})
		dial, shutdown := serve(t, mux, 0)
		c := dial()
		in := bufio.NewReader(c)
		const post = "POST /v1/end-users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\nAuthorization: Bearer " + apitest.Acme + "\r\n\r\n{}"
		for _, before := range []string{"/v1/end-users", "/v1/none", post} {
			if before == post {
				if _, err := io.WriteString(c, post); err != nil {
					t.Fatal(err)
				}
			} else {
				get(t, c, before)
			}
			for _, host := range []bool{false, true} {
				if host {
					get(t, c, "/host")
				}
				r, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				n, err := io.Copy(io.Discard, r.Body)
				if err := errors.Join(err, r.Body.Close()); err != nil || host && n != 10 {
					t.Errorf("after %.20s: %d bytes, %v", before, n, err)
				}
			}
		}
		_ = c.Close()
		if err := shutdown(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestHostsDeadline: a WriteTimeout of the host's server holds instead.
func TestHostsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, nil)
		manyUsers(t, s)
		dial, shutdown := serve(t, s.handler, 10*time.Second)
		get(t, dial(), list)
		synctest.Wait()
		begin := time.Now()
		if err := shutdown(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 12*time.Second {
			t.Errorf("ended after %v, want the host's 10s", took)
		}
	})
}
