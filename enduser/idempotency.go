package enduser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// IdempotencyTTL is how long an idempotency key is remembered.
const IdempotencyTTL = 24 * time.Hour

// Idempotent returns a context with an idempotency key. The call that gets the context has its
// effect once, however often it is repeated with that key within [IdempotencyTTL], by however
// many processes:
//
//	ctx = enduser.Idempotent(ctx, "order-7")
//	u, err := acme.Create(ctx, spec) // after an error, ErrUnknown included: the same call again
//
// The first call that succeeds is remembered by the write that has its effect, inside a
// transaction of the host, too: if that is rolled back the key is free again. A repeated call
// writes nothing and checks no conditions. It returns what the first one did, with the user,
// group or webhook as it is now. If that has been deleted or has expired since, the error is a
// [GoneError]; a repeated Delete returns nil. Create and Rotate of groups and webhooks return
// the token or secret that the first call made. A call that fails, but for ErrUnknown, leaves
// the key free.
//
// A key is 1 to 255 characters of printable ASCII, else the call returns ErrInvalid. It belongs
// to the tenant, the environment and the actor of the handle (see [Tenant.As]), and to one call:
// another one with it returns ErrIdempotencyMismatch. Two calls are the same if they have the
// same name, reference, spec, account and overlap. Functions and conditions are not compared. While a
// call is running, others of the same Manager with its key return ErrInProgress.
//
// The calls that create, change or delete a user, group or webhook take a key. All other calls,
// reads above all, ignore it. The store keeps digests of the key and of the call, and no
// personal data beyond the ID of the user. Somebody who has a copy of the store and guesses the
// key can also test guesses of what was written: take random keys where that is secret.
func Idempotent(ctx context.Context, key string) context.Context {
	return (&Idempotency{Key: key}).Context(ctx)
}

// Idempotency is an idempotency key for a server that repeats the requests of its clients. Other
// programs use [Idempotent].
type Idempotency struct {
	Key string // see Idempotent

	// Scope is whose key it is, such as the name of a credential. The same key in another scope
	// is another key. Empty: the key belongs to the actor of the handle.
	Scope string

	// Digest says which request it is: a request with another digest is ErrIdempotencyMismatch.
	// Then the call and its arguments are not compared. Nil: they are.
	Digest []byte

	// OnReplay is called when a call finds that it was done before, before it returns. Nil:
	// nothing is called.
	OnReplay func()

	replayed atomic.Bool
}

// Context returns a context with the key; see [Idempotent].
func (i *Idempotency) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotencyKey{}, i)
}

// Replayed reports whether the last call with the key wrote nothing, since it had been done
// before.
func (i *Idempotency) Replayed() bool { return i.replayed.Load() }

// WithoutIdempotency returns a context without idempotency key, for another call in the middle
// of one that has a key.
func WithoutIdempotency(ctx context.Context) context.Context {
	if i, _ := ctx.Value(idempotencyKey{}).(*Idempotency); i == nil {
		return ctx
	}
	return (*Idempotency)(nil).Context(ctx)
}

type idempotencyKey struct{} // of a context

const maxIdempotencyKey = 255 // bytes

func (i *Idempotency) check() error {
	field := Field{Name: "idempotency_key"}
	switch {
	case i.Key == "":
		return invalidField(field, CodeRequired, "must not be empty")
	case len(i.Key) > maxIdempotencyKey:
		return invalidField(field, CodeLength, "must have at most 255 characters")
	case strings.ContainsFunc(i.Key, func(r rune) bool { return r < ' ' || r > '~' }):
		return invalidField(field, CodeCharacter, "must be printable ASCII")
	}
	return nil
}

// The errors of calls with an idempotency key.
var (
	// ErrIdempotencyMismatch: the idempotency key belongs to another call. Nothing was written.
	ErrIdempotencyMismatch = errors.New("enduser: the idempotency key belongs to another call")

	// ErrInProgress: a call with this idempotency key is running. Nothing was written; retry
	// later.
	ErrInProgress = errors.New("enduser: a call with this idempotency key is running")
)

// GoneError is the error of a call that was done before under its idempotency key, where what
// it wrote has been deleted, or has expired, since. It is an ErrNotFound.
type GoneError struct {
	Kind    string  // "user", "group" or "webhook"
	ID      string  // its ID
	Outcome Outcome // of the first call
}

// Error implements error.
func (e *GoneError) Error() string {
	return fmt.Sprintf("enduser: the call was done before, and %s %s is gone", e.Kind, e.ID)
}

// Is makes errors.Is(e, ErrNotFound) true.
func (e *GoneError) Is(target error) bool { return target == ErrNotFound }
