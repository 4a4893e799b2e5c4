package magickmind

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	overlap     = 30 * time.Second // for which the answer to a refresh token is kept
	maxAnswers  = 5000             // to others, in which one is not forgotten
	hostTimeout = 30 * time.Second // for the host's answer
)

// renewals ask the host once for each refresh token, and repeat its answer for a while:
// the vendor's client library refreshes wherever it notices that its token is over, in
// many places at once, and all of them send the one refresh token that it has.
type renewals struct {
	host Login
	now  func() time.Time

	mu      sync.Mutex
	answers recent[*renewal]
}

// renewal is what came of a refresh token. What follows done does not change once that
// is closed.
type renewal struct {
	first time.Time // when the token came first
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

// answer returns the answer to a refresh token, and whether it is the caller's to get.
func (r *renewals) answer(k key) (a *renewal, isFirst bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	p := r.answers.of(k, now)
	if *p != nil && !(*p).isOver(now) {
		return *p, false
	}
	*p = &renewal{first: now, done: make(chan struct{})}
	return *p, true
}

// isOver reports whether the token is no longer good.
func (a *renewal) isOver(now time.Time) bool {
	select {
	case <-a.done:
		return now.Sub(a.first) >= overlap
	default:
		return false
	}
}

// ask gets the answer from the host, for everybody: whoever asks may leave. Only a
// session is kept.
func (r *renewals) ask(ctx context.Context, token Secret, k key, a *renewal) {
	a.err = errors.New("magickmind: Login panicked")
	defer func() {
		a.answered = r.now()
		close(a.done)
		if a.err != nil { // strangers can have any number of these
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
