package bench_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// request returns the text of the n-th request of a kind.
type request func(n int64) string

// load sends requests from so many callers, each over a connection of its own, for
// a time, and returns how many were answered with a status a second.
func load(b *testing.B, addr string, callers int, span time.Duration, counter *atomic.Int64, status int, next request) float64 {
	b.Helper()
	var done atomic.Int64
	var failed atomic.Pointer[error]
	fail := func(err error) { failed.CompareAndSwap(nil, &err) }
	var wg sync.WaitGroup
	start := time.Now()
	for range callers {
		wg.Go(func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				fail(err)
				return
			}
			defer func() { _ = conn.Close() }()
			r := bufio.NewReaderSize(conn, 64<<10)
			for time.Since(start) < span && failed.Load() == nil {
				if _, err := io.WriteString(conn, next(counter.Add(1))); err != nil {
					fail(err)
					return
				}
				got, err := answer(r)
				if err == nil && got != status {
					err = fmt.Errorf("status %d, want %d", got, status)
				}
				if err != nil {
					fail(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		b.Fatalf("%s: %v", addr, *err)
	}
	return float64(done.Load()) / time.Since(start).Seconds()
}

// answer reads one answer to its end.
func answer(r *bufio.Reader) (int, error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, err
}

// text returns an HTTP request.
func text(method, path, token, body string) string {
	s := method + " " + path + " HTTP/1.1\r\nHost: bench\r\nAuthorization: " + token + "\r\n"
	if body != "" {
		s += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return s + "\r\n" + body
}
