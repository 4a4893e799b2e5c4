package enduser_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/store"
)

// epoch is when a clock begins.
var epoch = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// counter makes IDs: u1, u2, … with a prefix.
func counter(prefix string) func() string {
	var n atomic.Int64
	return func() string { return fmt.Sprintf("%s%d", prefix, n.Add(1)) }
}

// world is a Manager with a clock and IDs that a test foresees.
type world struct {
	*clock.Clock
	users  *enduser.Manager
	acme   enduser.Tenant
	schema enduser.Schema // of all tenants; to be set before anything is called
}

func newWorld(st store.Store) *world {
	w := &world{Clock: clock.At(epoch)}
	w.users = enduser.New(st, &enduser.Options{
		Now: w.Now, NewID: counter("u"), Keyring: enduser.NewKeyring(testKey("k1")),
		Schema: func(string) enduser.Schema { return w.schema },
	})
	w.acme = w.users.Tenant("acme").As("ann")
	return w
}

// testKey returns a key whose bytes follow from its ID. For an invalid ID it
// is the zero Key, with which nothing can be sealed.
func testKey(id string) enduser.Key {
	key, _ := enduser.NewKey(id, [32]byte(keyBytes(id)))
	return key
}

// keyBytes returns the bytes of a test key.
func keyBytes(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return sum[:]
}

// unique is the policy under which e-mail addresses are unique.
var unique = enduser.Policy{UniqueEmail: true}

// sameUsers compares users by what is public. A position that a test does not say is
// any.
var sameUsers = cmp.Options{
	cmpopts.IgnoreUnexported(enduser.User{}, enduser.Group{}),
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b enduser.Value) bool { return a == b }),
	cmp.Comparer(func(a, b enduser.Position) bool { return a == b || a.IsZero() || b.IsZero() }),
}

// diff compares what a test got with what it wants. The version of a user or group that
// it wants is any if it says none.
func diff(t testing.TB, what string, got, want any) {
	t.Helper()
	switch w := want.(type) {
	case enduser.User:
		if w.Version.IsZero() {
			w.Version = got.(enduser.User).Version
			want = w
		}
	case enduser.Group:
		if w.Version.IsZero() {
			w.Version = got.(enduser.Group).Version
			want = w
		}
	}
	if d := cmp.Diff(want, got, sameUsers); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// wantConflict checks the typed detail of a conflict.
func wantConflict(t testing.TB, what string, err error, field, holder string) {
	t.Helper()
	wantErr(t, what, err, enduser.ErrConflict)
	c, ok := errors.AsType[*enduser.ConflictError](err)
	if !ok || c.Field != field || c.HolderID != holder {
		t.Errorf("%s: %+v, want %s held by %s", what, c, field, holder)
	}
}

// wantInvalid checks that exactly these violations, as "field code", are
// reported, in any order.
func wantInvalid(t testing.TB, what string, err error, want ...string) {
	t.Helper()
	wantErr(t, what, err, enduser.ErrInvalid)
	invalid, ok := errors.AsType[*enduser.InvalidError](err)
	if !ok {
		t.Errorf("%s: %T %v carries no InvalidError", what, err, err)
		return
	}
	var got []string
	for _, v := range invalid.Violations {
		if v.Message == "" {
			t.Errorf("%s: %s has no message", what, v.Field)
		}
		got = append(got, v.Field.String()+" "+v.Code)
	}
	slices.Sort(got)
	slices.Sort(want)
	diff(t, what, got, want)
}

// must returns the value of a call that may not fail.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// made is must for calls that return a group and its token.
func made(g enduser.Group, token string, err error) func(testing.TB) enduser.Group {
	return func(t testing.TB) enduser.Group {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if len(token) != 64 {
			t.Errorf("the token is %q", token)
		}
		return g
	}
}

// second and third return the error of a call that returns something beside it.
func second[T any](_ T, err error) error { return err }

func third[T, U any](_ T, _ U, err error) error { return err }

// upserted is must for Upsert and Ensure; it also checks the outcome.
func upserted(u enduser.User, outcome enduser.Outcome, err error) func(testing.TB, enduser.Outcome) enduser.User {
	return func(t testing.TB, want enduser.Outcome) enduser.User {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if outcome != want {
			t.Errorf("outcome %v, want %v", outcome, want)
		}
		return u
	}
}

// ids returns the IDs of users.
func ids(users []enduser.User) []string {
	out := make([]string, len(users))
	for i, u := range users {
		out[i] = u.ID
	}
	return out
}

// feed returns what a tenant's feed says, as "type id".
func feed(t testing.TB, tenant enduser.Tenant) []string {
	t.Helper()
	var out []string
	for _, c := range changesAfter(t, tenant, 0) {
		out = append(out, fmt.Sprintf("%s %s", c.Type, c.ID))
	}
	return out
}

// changesAfter returns a tenant's changes after a revision.
func changesAfter(t testing.TB, tenant enduser.Tenant, after int64) []enduser.Change {
	t.Helper()
	return slices.DeleteFunc(readFeed(t, tenant, enduser.ChangeQuery{}), func(c enduser.Change) bool { return c.Revision <= after })
}

// sentinel checks that an error is ErrNotFound, or ErrInvalid with its detail.
func sentinel(t testing.TB, what string, err error) {
	t.Helper()
	if errors.Is(err, enduser.ErrNotFound) {
		return
	}
	wantErr(t, what, err, enduser.ErrInvalid)
	if _, ok := errors.AsType[*enduser.InvalidError](err); !ok {
		t.Errorf("%s: %v is an ErrInvalid without InvalidError", what, err)
	}
}
