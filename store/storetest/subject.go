package storetest

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/rollbook-go/rollbook/store"
)

// subject is the store under test in one check: two handles on an empty place, and the
// first fault that was found. After a fault every call through a client does nothing and
// returns zero values, so that a check reads as a list of steps.
type subject struct {
	ctx   context.Context // ends with the check, or at the first fault
	stop  context.CancelFunc
	open  func() (store.Store, error)
	begin func() (Transaction, error) // nil if the place has none

	handles [2]store.Store

	mu    sync.Mutex
	fault error
}

func newSubject(ctx context.Context, place Place) (*subject, error) {
	s := &subject{open: place.Open, begin: place.Begin}
	for i := range s.handles {
		h, err := place.Open()
		if err != nil {
			return nil, fmt.Errorf("open handle %d: %w", i+1, err)
		}
		s.handles[i] = h
	}
	s.ctx, s.stop = context.WithCancel(ctx)
	return s, nil
}

// fail records a fault, with the line of the check that found it, unless there is one
// already.
func (s *subject) fail(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return
	}
	s.fault = fmt.Errorf(format+" (%s)", append(args, checkLine())...)
	s.stop()
}

// same fails unless diff, from one of the functions of that name, is empty.
func (s *subject) same(diff, format string, args ...any) {
	if diff != "" {
		s.fail("%s: %s", fmt.Sprintf(format, args...), diff)
	}
}

func (s *subject) verdict() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// failed reports whether a fault was found, so that the check is over. Loops that end on
// an answer of the store must check it.
func (s *subject) failed() bool { return s.verdict() != nil }

// tenant returns a client for a tenant, through the first handle.
func (s *subject) tenant(name string) *client {
	return &client{subject: s, store: s.handles[0], name: name}
}

// together runs f(0), …, f(n-1) at the same time and returns when all have.
func (s *subject) together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// checkLine returns the line of a check that called the methods of subject and client.
func checkLine() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		frame, more := frames.Next()
		if !strings.Contains(frame.Function, "storetest.(*client)") &&
			!strings.Contains(frame.Function, "storetest.(*subject)") &&
			!strings.Contains(frame.Function, "storetest.(*transaction)") {
			return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
		}
		if !more {
			return "?"
		}
	}
}
