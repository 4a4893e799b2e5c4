package magickmind

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	overlap     = 30 * time.Second // how long the answer to a refresh token is kept
	maxAnswers  = 5000             // how many other answers may follow before one is forgotten
	hostTimeout = 30 * time.Second // how long the host may take
)

// renewals asks the host once for each refresh token and repeats its answer for a while. The
// vendor's client library needs that: every coroutine that finds the access token expired
// refreshes, and all of them send the same refresh token.
type renewals struct {
	host Login
	now  func() time.Time

	mu      sync.Mutex
	answers recent[*renewal]
}

// renewal is the answer to a refresh token. The fields after done are final once done is
// closed.
type renewal struct {
	first time.Time // when the token was first used
	done  chan struct{}

	session  Session
	answered time.Time
	err      error
}

func newRenewals(host Login, now func() time.Time) *renewals {
	return &renewals{host: host, now: now, answers: recent[*renewal]{span: overlap, most: maxAnswers}}
}

// refresh returns the host's session for a refresh token.
func (r *renewals) refresh(ctx context.Context, token Secret) (Session, error) {
	k := keyOf(token.Reveal())
	a, isFirst := r.answer(k)
	if isFirst {
		r.ask(ctx, token, k, a)
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		return Session{}, ctx.Err()
	}
	return a.session.aged(r.now().Sub(a.answered)), a.err
}

// answer returns the answer to a refresh token, and whether the caller has to get it from
// the host.
func (r *renewals) answer(k key) (a *renewal, isFirst bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	p := r.answers.of(k, now)
	if *p != nil && !(*p).expired(now) {
		return *p, false
	}
	*p = &renewal{first: now, done: make(chan struct{})}
	return *p, true
}

// expired reports whether the answer is no longer repeated.
func (a *renewal) expired(now time.Time) bool {
	select {
	case <-a.done:
		return now.Sub(a.first) >= overlap
	default:
		return false
	}
}

// ask gets the answer from the host for all who wait, even if the caller leaves. It keeps the
// answer only if that is a session.
func (r *renewals) ask(ctx context.Context, token Secret, k key, a *renewal) {
	a.err = errors.New("magickmind: Login panicked")
	defer func() {
		a.answered = r.now()
		close(a.done)
		if a.err != nil { // strangers can cause any number of these
			r.mu.Lock()
			defer r.mu.Unlock()
			r.answers.forget(k)
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hostTimeout)
	defer cancel()
	a.session, a.err = r.host.Refresh(ctx, token)
}

// aged returns the session as it is a while after it was made.
func (s Session) aged(by time.Duration) Session {
	by = by.Truncate(time.Second) // as it is shown
	s.ExpiresIn -= by
	s.RefreshExpiresIn -= by
	return s
}
