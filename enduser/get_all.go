package enduser

import (
	"context"
	"errors"
	"fmt"
)

// MaxGetAll is how many users one call of [Tenant.GetAll] returns at most.
const MaxGetAll = 500

// Found is what [Tenant.GetAll] returns for a reference: a user or an error.
type Found struct {
	User User
	Err  error // that of [Tenant.Get]: ErrNotFound, ErrInvalid, ErrAmbiguous or an [UnreadableError]
}

// GetAll returns the users that references of any kind name, at most [MaxGetAll]: one answer for
// each, in their order. Two may name the same user. It reads many at once, each as it is when it
// is read. An error that is not about a single user, such as ErrUnavailable, is that of the
// call.
func (t Tenant) GetAll(ctx context.Context, refs []Ref) ([]Found, error) {
	c, err := t.begin()
	if err == nil && len(refs) > MaxGetAll {
		err = invalidField(Field{Name: "refs"}, CodeCount, fmt.Sprintf("must be at most %d", MaxGetAll))
	}
	if err != nil {
		return nil, err
	}
	t, now := t.pin(c.exact), t.m.millis()
	found := make([]Found, len(refs))
	_, err = t.m.atOnce(len(refs), readsAtOnce, func(i int) error {
		_, u, err := t.get(ctx, c.name, refs[i], now)
		if err != nil && !ofOneRow(err) {
			return err
		}
		found[i] = Found{u, err}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// readsAtOnce is how many records one call reads at a time.
const readsAtOnce = 32

// atOnce is together, but one by one inside a transaction of the host.
func (m *Manager) atOnce(n, atOnce int, fn func(i int) error) ([]error, error) {
	if m.queues == nil {
		atOnce = 1
	}
	return together(n, atOnce, fn)
}

// ofOneRow reports whether an error is about a single user, so that calls on many go on.
func ofOneRow(err error) bool {
	for _, of := range []error{
		ErrInvalid, ErrConflict, ErrVersion, ErrAmbiguous, ErrContended, ErrNoKeyring, ErrNotFound, ErrExpired, ErrNotWritten,
	} {
		if errors.Is(err, of) {
			return !errors.Is(err, ErrUnknown)
		}
	}
	return ofOneRecord(err)
}
