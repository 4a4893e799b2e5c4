package enduser_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// makers are the calls that make a user or group that is identified by "a".
func makers(t testing.TB) map[string]func(enduser.Tenant) error {
	t.Helper()
	ctx, group := t.Context(), enduser.GroupSpec{ExternalID: "a"}
	user := enduser.Spec{ExternalID: "a", Sensitive: secrets{"k": secret("v")}}
	return map[string]func(enduser.Tenant) error{
		"create":       func(t enduser.Tenant) error { return second(t.Create(ctx, user)) },
		"ensure":       func(t enduser.Tenant) error { return third(t.Ensure(ctx, enduser.Spec{ExternalID: "a"})) },
		"upsert":       func(t enduser.Tenant) error { return third(t.Upsert(ctx, user)) },
		"create group": func(t enduser.Tenant) error { return third(t.Groups().Create(ctx, group)) },
		"ensure group": func(t enduser.Tenant) error { return third(t.Groups().Ensure(ctx, group)) },
	}
}

// left returns how many users and groups a tenant has.
func left(t *testing.T, tenant enduser.Tenant) int {
	t.Helper()
	users := must(tenant.List(t.Context(), enduser.Query{}))(t).Users
	groups := must(tenant.Groups().List(t.Context(), enduser.GroupQuery{}))(t).Groups
	return len(users) + len(groups)
}

// TestLostReplyOfACreate: a create whose reply is lost, and whose record another has
// deleted since, is not done a second time: what was deleted stays so.
func TestLostReplyOfACreate(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		other := enduser.New(st, nil)
		for name, call := range makers(t) {
			t.Run(name, func(t *testing.T) {
				ctx := t.Context()
				f := &faultstore.Store{Store: st}
				tenant := newWorld(f).users.Tenant(name)
				f.OnApplied = func(_ int64, ops []store.Op) error {
					id := ops[len(ops)-1].New.ID
					err := other.Tenant(name).Delete(ctx, enduser.ByID(id))
					if errors.Is(err, enduser.ErrNotFound) {
						err = other.Tenant(name).Groups().Delete(ctx, enduser.GroupByID(id))
					}
					if err != nil {
						t.Error(err)
					}
					return fmt.Errorf("connection lost: %w", store.ErrUnknown)
				}
				wantErr(t, name, call(tenant), enduser.ErrUnknown)
				if n := f.Applies(); n != 1 {
					t.Errorf("sent %d times", n)
				}
				if n := left(t, tenant); n != 0 {
					t.Errorf("%d are back", n)
				}
				f.OnApplied = nil
				if err := call(tenant); err != nil {
					t.Errorf("called again: %v", err)
				}
				if n := left(t, tenant); n != 1 {
					t.Errorf("%d after the call was repeated", n)
				}
			})
		}
	})
}

// TestUnknownCreates: a create of unknown outcome is sent once and stays unknown,
// whether it was done or not, also if it is there to be read: only the store could tell
// that it is safe there. Repeating a call that gets or creates settles it.
func TestUnknownCreates(t *testing.T) {
	for _, done := range []bool{false, true} {
		for name, call := range makers(t) {
			t.Run(fmt.Sprintf("%s, done %v", name, done), func(t *testing.T) {
				each(t, func(t *testing.T, st store.Store) {
					f := &faultstore.Store{Store: st}
					tenant := newWorld(f).acme
					lost := func(int64, []store.Op) error { return fmt.Errorf("connection lost: %w", store.ErrUnknown) }
					if f.OnApply = lost; done {
						f.OnApply, f.OnApplied = nil, lost
					}
					wantErr(t, name, call(tenant), enduser.ErrUnknown)
					if n := f.Applies(); n != 1 {
						t.Errorf("sent %d times", n)
					}
					f.OnApply, f.OnApplied = nil, nil
					err := call(tenant)
					if conflict := done && strings.HasPrefix(name, "create"); conflict != errors.Is(err, enduser.ErrConflict) || !conflict && err != nil {
						t.Errorf("called again: %v", err)
					}
					if n := left(t, tenant); n != 1 {
						t.Errorf("%d after the call was repeated", n)
					}
				})
			})
		}
	}
}

// A replacement or deletion of unknown outcome is reported and never repeated.
func TestOtherWritesAreNotRepeated(t *testing.T) {
	ctx, ref := t.Context(), enduser.ByExternalID("a")
	calls := map[string]func(enduser.Tenant) error{
		"update":    func(a enduser.Tenant) error { return second(a.Update(ctx, ref, rename)) },
		"upsert":    func(a enduser.Tenant) error { return third(a.Upsert(ctx, enduser.Spec{ExternalID: "a", Name: "Eve"})) },
		"link":      func(a enduser.Tenant) error { return second(a.Link(ctx, ref, enduser.Account{Type: "x", ID: "y"})) },
		"associate": func(a enduser.Tenant) error { return second(a.Associate(ctx, ref)) },
		"delete":    func(a enduser.Tenant) error { return a.Delete(ctx, ref) },
	}
	for name, call := range calls {
		for when, hook := range map[string]func(f *faultstore.Store, h func(int64, []store.Op) error){
			"before": func(f *faultstore.Store, h func(int64, []store.Op) error) { f.OnApply = h },
			"after":  func(f *faultstore.Store, h func(int64, []store.Op) error) { f.OnApplied = h },
		} {
			t.Run(name+", lost "+when, func(t *testing.T) {
				for _, fault := range []error{store.ErrUnknown, store.ErrUnavailable} {
					if when == "after" && fault == store.ErrUnavailable { //nolint:errorlint // a constant
						continue // a store that was written is not unavailable
					}
					f := &faultstore.Store{Store: memory.New(nil)}
					w := newWorld(f)
					must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "a", ExpiresIn: time.Hour}))(t)
					tries := 0
					hook(f, func(_ int64, ops []store.Op) error {
						if ops[0].Old == nil {
							return nil // the upsert's create, which the store refuses
						}
						tries++
						return fault
					})
					err := call(w.acme)
					want := enduser.ErrUnknown
					if fault == store.ErrUnavailable { //nolint:errorlint // a constant
						want = enduser.ErrUnavailable
					}
					wantErr(t, name, err, want)
					if tries != 1 {
						t.Errorf("%d tries", tries)
					}
					wrote := len(feed(t, w.acme)) == 2
					if wrote != (when == "after") {
						t.Errorf("written: %v", wrote)
					}
				}
			})
		}
	}
}

// Reads and checks that fail are named too.
func TestUnavailableStore(t *testing.T) {
	f := &faultstore.Store{Store: memory.New(nil)}
	w := newWorld(f)
	must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "a"}))(t)
	down := func() error { return fmt.Errorf("dial: %w", store.ErrUnavailable) }
	f.OnGet, f.OnList, f.OnDue = down, down, down
	f.OnApply = func(int64, []store.Op) error { return down() }
	for name, call := range operations(t) {
		if name == "changes" || name == "trim" || name == "wait" {
			continue // these pass
		}
		err := call(w.acme, nobody())
		wantErr(t, name, err, enduser.ErrUnavailable)
		wantErr(t, name+": the cause", err, store.ErrUnavailable)
	}
	_, err := w.users.Sweep(t.Context())
	wantErr(t, "sweep", err, enduser.ErrUnavailable)
	_, err = w.acme.With(unique).Create(t.Context(), enduser.Spec{Email: "a@example.com"})
	wantErr(t, "create with a unique e-mail address", err, enduser.ErrUnavailable)
}

// TestTooFewReplicas: with WaitReplicas on a server that has none, no write is told to be
// done, of whatever call, and nothing that a call which may write has only read.
func TestTooFewReplicas(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	client := redisstore.NewClient(&goredis.UniversalOptions{Addrs: []string{redisServer(t)}})
	defer func() { _ = client.Close() }()
	prefix := "test-" + rand.Text() + ":"
	alone := must(redisstore.New(client, &redisstore.Options{Prefix: prefix}))(t)
	waiting := must(redisstore.New(client, &redisstore.Options{
		Prefix: prefix, WaitReplicas: 1, WaitTimeout: time.Millisecond, RetryFor: 20 * time.Millisecond,
	}))(t)
	for name, call := range makers(t) {
		wantErr(t, name, call(newWorld(waiting).users.Tenant(name)), enduser.ErrUnknown)
	}
	w := newWorld(waiting)
	acme := enduser.New(alone, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k1"))}).Tenant("acme")
	must(acme.Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Hour}))(t)
	made(acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "a"}))(t)
	group := enduser.GroupByExternalID("a")
	known := enduser.Spec{ExternalID: "a", ExpiresIn: time.Hour}
	for name, call := range map[string]func() error{
		"ensure, known":     func() error { return third(w.acme.Ensure(ctx, known)) },
		"upsert, unchanged": func() error { return third(w.acme.Upsert(ctx, known)) },
		"create, taken":     func() error { return second(w.acme.Create(ctx, known)) },
		"upsert, known": func() error {
			return third(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "a", Language: "de", ExpiresIn: time.Hour}))
		},
		"update, nobody":      func() error { return second(w.acme.Update(ctx, enduser.ByExternalID("nobody"), rename)) },
		"delete, nobody":      func() error { return w.acme.Delete(ctx, enduser.ByExternalID("nobody")) },
		"ensure group, known": func() error { return third(w.acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "a"})) },
	} {
		wantErr(t, name, call(), enduser.ErrUnavailable)
	}
	for _, step := range []struct {
		name string
		call func() error
	}{
		{"update", func() error { return second(w.acme.Update(ctx, enduser.ByExternalID("a"), rename)) }},
		{"rotate", func() error { return third(w.acme.Groups().Rotate(ctx, group, 0)) }},
		{"delete group", func() error { return w.acme.Groups().Delete(ctx, group) }},
		{"sweep", func() error { w.Advance(time.Hour); return second(w.users.Sweep(ctx)) }},
	} {
		wantErr(t, step.name, step.call(), enduser.ErrUnknown)
	}
}
