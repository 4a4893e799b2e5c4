package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// TestReadyzAsksOnce: however many ask, a check begins once a second.
func TestReadyzAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, fail := 0, error(nil)
		r := &readiness{now: time.Now, log: slog.New(slog.DiscardHandler), check: func(context.Context) error {
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
		r := &readiness{now: time.Now, log: slog.New(slog.DiscardHandler), check: func(context.Context) error {
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
		r := &readiness{now: time.Now, log: slog.New(slog.DiscardHandler), check: func(context.Context) error { return test.err }}
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

func TestLivez(t *testing.T) {
	for method, want := range map[string]int{"GET": http.StatusOK, "HEAD": http.StatusOK, "POST": http.StatusMethodNotAllowed} {
		w := httptest.NewRecorder()
		liveness{time.Now}.ServeHTTP(w, httptest.NewRequest(method, "/livez", nil))
		if w.Code != want || (want != http.StatusOK) != (w.Header().Get("Allow") != "") {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
}
