package serve

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// answerReady is how long a check may take, and how long its result holds.
const answerReady = time.Second

// readReady is how long a client may take to read the answer.
const readReady = 30 * time.Second

// readiness serves GET /readyz: 200 if the store reads and writes within a second, else 503
// with a reason. It needs no credential, so its answers reveal nothing of the server, and it
// writes to the store at most once a second.
type readiness struct {
	check   func(context.Context) error
	now     func() time.Time
	log     *slog.Logger
	closing <-chan struct{}

	mu     sync.Mutex
	latest *checked
}

// checked is a check, in progress or done.
type checked struct {
	began time.Time
	done  chan struct{} // closed when err is set
	err   error
}

var (
	errSlow   = errors.New("the store did not answer within a second")
	errEnding = errors.New("the server is ending")
)

// ServeHTTP implements http.Handler.
func (r *readiness) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if !reads(w, q, r.now) {
		return
	}
	status, body := http.StatusOK, `{"status":"ready"}`
	if err := r.ask(q.Context()); err != nil {
		w.Header().Set("Retry-After", "1")
		status, body = http.StatusServiceUnavailable, `{"status":"unavailable","reason":`+strconv.Quote(reason(err))+`}`
	}
	tell(w, status, body, r.now)
}

// liveness serves GET /livez: 200 as long as the process answers. It does not look at the store:
// a server whose store is away must not be started anew for that.
type liveness struct{ now func() time.Time }

// ServeHTTP implements http.Handler.
func (l liveness) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if reads(w, q, l.now) {
		tell(w, http.StatusOK, `{"status":"live"}`, l.now)
	}
}

// reads answers requests of a method that does not read, and returns false.
func reads(w http.ResponseWriter, q *http.Request, now func() time.Time) bool {
	if q.Method == http.MethodGet || q.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	limitWrite(w, now)
	w.WriteHeader(http.StatusMethodNotAllowed)
	return false
}

// tell answers with a JSON body.
func tell(w http.ResponseWriter, status int, body string, now func() time.Time) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	limitWrite(w, now)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// limitWrite ends the connection of a client that does not read.
func limitWrite(w http.ResponseWriter, now func() time.Time) {
	_ = http.NewResponseController(w).SetWriteDeadline(now().Add(readReady)) // a recorder has none
}

// reason returns a fixed sentence for an error. The log has the error itself.
func reason(err error) string {
	switch {
	case errors.Is(err, errEnding):
		return errEnding.Error()
	case errors.Is(err, errSlow), errors.Is(err, context.DeadlineExceeded):
		return errSlow.Error()
	case errors.Is(err, store.ErrUnknown):
		return "whether a write was done is unknown"
	case errors.Is(err, store.ErrUnavailable):
		return "the store is not available"
	default:
		return "the store fails"
	}
}

// ask returns the result of the latest check, after at most a second.
func (r *readiness) ask(ctx context.Context) error {
	select {
	case <-r.closing:
		return errEnding
	default:
	}
	limit := time.NewTimer(answerReady)
	defer limit.Stop()
	c := r.current()
	select {
	case <-c.done:
		return c.err
	case <-limit.C:
		return errSlow
	case <-ctx.Done():
		return ctx.Err()
	}
}

// current returns the latest check. If its result is too old, it begins a new one.
func (r *readiness) current() *checked {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.latest
	if last != nil {
		select {
		case <-last.done:
			if r.now().Sub(last.began) < answerReady {
				return last
			}
		default:
			return last
		}
	}
	c := &checked{began: r.now(), done: make(chan struct{})}
	r.latest = c
	go func() {
		defer close(c.done)
		ctx, cancel := context.WithTimeout(context.Background(), answerReady)
		defer cancel()
		c.err = r.check(ctx)
		switch failed := last != nil && last.err != nil; {
		case c.err != nil && !failed:
			r.log.Warn("not ready", slog.Any("error", c.err))
		case c.err == nil && failed:
			r.log.Info("ready again")
		}
	}()
	return c
}
