package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
)

// TestReadyz: a store that works is told from one that does not, without a key. What
// lives is not dead for that.
func TestReadyz(t *testing.T) {
	memory := namedStore{"memory", func(*testing.T) string { return "memory:" }}
	for _, s := range append(stores(), memory) {
		t.Run(s.name, func(t *testing.T) {
			server := start(t, keyFlag, "-store", s.make(t))
			for _, method := range []string{"GET", "HEAD"} {
				if a := mustSend(t, method, server.url+"/readyz", "", ""); a.status != http.StatusOK {
					t.Errorf("%s: %d %s", method, a.status, a.body)
				}
			}
		})
	}
}

func TestReadyzWithoutItsStore(t *testing.T) {
	redis := redistest.Server(t)
	server := start(t, keyFlag, "-store", "redis://"+redis.Addr)
	if a := mustSend(t, "GET", server.url+"/readyz", "", ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	redis.Close()
	// What was found while the store lived holds for a second.
	a := eventually(t, server.url+"/readyz", http.StatusServiceUnavailable)
	if !strings.Contains(a.body, `"reason":"the store`) || strings.Contains(a.body, "127.0.0.1") || a.header.Get("Retry-After") == "" {
		t.Errorf("%v %s", a.header, a.body)
	}
	if a := mustSend(t, "GET", server.url+"/healthz", "", ""); a.status != http.StatusOK {
		t.Errorf("healthz: %d %s", a.status, a.body)
	}
	eventually(t, server.url+"/readyz", http.StatusServiceUnavailable) // the first check is over
	if log := server.log.String(); strings.Count(log, "not ready") != 1 {
		t.Errorf("the log has to say it once:\n%s", log)
	}
}

// eventually asks until the answer has a status.
func eventually(t *testing.T, url string, status int) answer {
	t.Helper()
	client, last := newClient(t, 1), time.After(patience)
	for next := time.Tick(20 * time.Millisecond); ; {
		a, err := send(client, "GET", url, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if a.status == status {
			return a
		}
		select {
		case <-next:
		case <-last:
			t.Fatalf("%d %s, want %d", a.status, a.body, status)
		}
	}
}

// TestReadyzAsksOnce: however many ask, a check begins once a second.
func TestReadyzAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, fail := 0, error(nil)
		r := &readiness{now: time.Now, log: newLog(new(logged)), check: func(context.Context) error {
			<-time.After(time.Millisecond)
			checks++
			return fail
		}}
		for second, err := range []error{nil, store.ErrUnavailable, nil} {
			fail = err
			for range 10 {
				var all sync.WaitGroup
				for range 100 {
					all.Go(func() {
						if got := r.ask(t.Context()); !errors.Is(got, err) {
							t.Errorf("%v, want %v", got, err)
						}
					})
				}
				all.Wait()
				<-time.After(50 * time.Millisecond)
			}
			if checks != second+1 {
				t.Errorf("%d checks in second %d", checks, second)
			}
			<-time.After(time.Second)
		}
	})
}

// TestReadyzIsQuick: who asks of a store that hangs waits for a second, and nothing
// piles up behind it.
func TestReadyzIsQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, release := 0, make(chan struct{})
		r := &readiness{now: time.Now, log: newLog(new(logged)), check: func(context.Context) error {
			checks++
			<-release // whatever its context says
			return nil
		}}
		for range 3 {
			began := time.Now()
			if err := r.ask(t.Context()); !errors.Is(err, errSlow) || time.Since(began) != time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		}
		synctest.Wait()
		if checks != 1 {
			t.Errorf("%d checks", checks)
		}
		close(release)
		synctest.Wait()
		if err := r.ask(t.Context()); err != nil || checks != 2 {
			t.Errorf("%v, %d checks", err, checks)
		}
	})
}

// TestReadyzReasons: a reason is one of a few sentences, whatever the error says.
func TestReadyzReasons(t *testing.T) {
	secret := errors.New("dial redis://user:secret@10.0.0.1:6379")
	for _, test := range []struct {
		err  error
		want string
	}{
		{secret, "the store fails"},
		{fmt.Errorf("%w: %w", store.ErrUnavailable, secret), "the store is not available"},
		{fmt.Errorf("%w: %w", store.ErrUnknown, secret), "whether a write was done is unknown"},
		{fmt.Errorf("%w: %w: %w", store.ErrUnknown, context.DeadlineExceeded, secret), "the store did not answer within a second"},
	} {
		r := &readiness{now: time.Now, log: newLog(new(logged)), check: func(context.Context) error { return test.err }}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if want := `{"status":"unavailable","reason":"` + test.want + `"}`; w.Code != http.StatusServiceUnavailable || w.Body.String() != want {
			t.Errorf("%v: %d %s, want %s", test.err, w.Code, w.Body, want)
		}
	}
	ending := make(chan struct{})
	close(ending)
	r := &readiness{now: time.Now, closing: ending}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("while it ends: %d", w.Code)
	}
	w = httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/readyz", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("POST: %d", w.Code)
	}
}
