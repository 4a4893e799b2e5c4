package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// nth returns err for the calls from the first on, and counts.
func nth(first, last int64, err error) func(int64, []store.Op) error {
	return func(n int64, _ []store.Op) error {
		if first <= n && n <= last {
			return err
		}
		return nil
	}
}

// A create of unknown outcome is sent again: its ID makes it the same create.
func TestUnknownCreatesConverge(t *testing.T) {
	unknown := fmt.Errorf("connection lost: %w", store.ErrUnknown)
	for name, f := range map[string]*faulty{
		"lost before":       {before: nth(1, 1, unknown)},
		"lost twice before": {before: nth(1, 2, unknown)},
		"lost after":        {after: nth(1, 1, unknown)},
		"lost before, lost after": {
			before: nth(1, 1, unknown), after: nth(2, 2, unknown),
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, st store.Store) {
				ctx := t.Context()
				fresh := &faulty{Store: st, before: f.before, after: f.after}
				w := newWorld(fresh)
				u := upserted(w.acme.Upsert(ctx, everything()))(t, enduser.Created)
				diff(t, "read", must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t), u)
				diff(t, "feed", feed(t, w.acme), []string{"created " + u.ID})
				if u.Revision != 1 || u.Version.IsZero() {
					t.Errorf("revision %d, want 1, version %s", u.Revision, u.Version)
				}
			})
		})
	}
}

// The user that such a create returns is the user as the store has it, also if
// others changed it before the second try.
func TestUnknownCreateThatWasChangedSince(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		other := enduser.New(st, nil).Tenant("acme")
		w := newWorld(&faulty{Store: st, after: func(n int64, ops []store.Op) error {
			if n > 1 {
				return nil
			}
			must(other.Update(ctx, enduser.ByID(ops[0].New.ID), rename))(t)
			return store.ErrUnknown
		}})
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a", Name: "Ann"}))(t)
		read := must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t)
		if u.Revision == read.Revision && u.Name != read.Name {
			t.Errorf("revision %d is returned with name %q, and is %q", u.Revision, u.Name, read.Name)
		}
	})
}

// Once the outcome of a try is unknown, a later try that fails for sure does not
// make it known.
func TestUnknownStaysUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		first, then func(n int64, ops []store.Op) error // before, after
		get         error
	}{
		"then unavailable":                {then: nth(1, 1, store.ErrUnknown), first: nth(2, 99, store.ErrUnavailable)},
		"then a context that ended":       {then: nth(1, 1, store.ErrUnknown), first: nth(2, 99, context.Canceled)},
		"then something without a name":   {then: nth(1, 1, store.ErrUnknown), first: nth(2, 99, errors.New("driver: bad"))},
		"then a read that is unavailable": {then: nth(1, 1, store.ErrUnknown), get: store.ErrUnavailable},
		"always":                          {first: nth(1, 99, store.ErrUnknown)},
	} {
		t.Run(name, func(t *testing.T) {
			f := &faulty{Store: memory.New(nil), before: c.first, after: c.then}
			if c.get != nil {
				f.get = func() error { return c.get }
			}
			acme := enduser.New(f, nil).Tenant("acme")
			_, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "a"})
			wantErr(t, "create", err, enduser.ErrUnknown)
			if strings.Count(err.Error(), "unknown") != 1 || strings.Contains(err.Error(), "create: :") {
				t.Errorf("the text is %q", err)
			}
			if n := f.applies.Load(); n > 10 {
				t.Errorf("%d tries", n)
			}
			f.before, f.after, f.get = nil, nil, nil
			if _, _, err := acme.Upsert(t.Context(), enduser.Spec{ExternalID: "A"}); err != nil {
				t.Error("repeated:", err)
			}
			if n := len(must(acme.List(t.Context(), enduser.Query{}))(t).Users); n != 1 {
				t.Errorf("%d users", n)
			}
		})
	}
}

// A replacement or deletion of unknown outcome is reported and never repeated.
func TestOtherWritesAreNotRepeated(t *testing.T) {
	type call func(enduser.Tenant) error
	calls := map[string]call{
		"update": func(a enduser.Tenant) error {
			return second(a.Update(context.Background(), enduser.ByExternalID("a"), rename))
		},
		"upsert": func(a enduser.Tenant) error {
			_, _, err := a.Upsert(context.Background(), enduser.Spec{ExternalID: "a", Name: "Eve"})
			return err
		},
		"link": func(a enduser.Tenant) error {
			return second(a.Link(context.Background(), enduser.ByExternalID("a"), enduser.Account{Type: "x", ID: "y"}))
		},
		"associate": func(a enduser.Tenant) error {
			return second(a.Associate(context.Background(), enduser.ByExternalID("a")))
		},
		"delete": func(a enduser.Tenant) error { return a.Delete(context.Background(), enduser.ByExternalID("a")) },
	}
	for name, call := range calls {
		for when, hook := range map[string]func(f *faulty, h func(int64, []store.Op) error){
			"before": func(f *faulty, h func(int64, []store.Op) error) { f.before = h },
			"after":  func(f *faulty, h func(int64, []store.Op) error) { f.after = h },
		} {
			t.Run(name+", lost "+when, func(t *testing.T) {
				for _, fault := range []error{store.ErrUnknown, store.ErrUnavailable} {
					if when == "after" && fault == store.ErrUnavailable { //nolint:errorlint // a constant
						continue // a store that was written is not unavailable
					}
					f := &faulty{Store: memory.New(nil)}
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
	f := &faulty{Store: memory.New(nil)}
	w := newWorld(f)
	must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "a"}))(t)
	down := func() error { return fmt.Errorf("dial: %w", store.ErrUnavailable) }
	f.get, f.list, f.due = down, down, down
	f.before = func(int64, []store.Op) error { return down() }
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
