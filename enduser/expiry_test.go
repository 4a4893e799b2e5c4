package enduser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// From its deadline on, and not a millisecond earlier, a provisional user is what
// a user is that never was, for every call, though no sweep ran.
func TestInvisibleAtTheDeadline(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		w.schema = enduser.Schema{IndexedMetadata: []string{"plan"}}
		acme := w.acme
		s := everything()
		s.ExpiresIn = time.Minute
		u := must(acme.Create(ctx, s))(t)
		p := probeOf(t, acme, u)
		filters := []enduser.Filter{
			{},
			{ExternalID: p.externalID},
			{Email: p.email},
			{Account: p.account},
			{Name: "lee"},
			{Group: "g2"},
			{Metadata: enduser.Metadata{"plan": enduser.String("pro")}},
			{Name: "ann", Group: "g1"},
		}
		w.Advance(time.Minute - time.Millisecond)
		for by, ref := range refsOf() {
			if got, err := acme.Get(ctx, ref(p)); err != nil || got.ID != u.ID {
				t.Errorf("a millisecond before, by %s: %v", by, err)
			}
		}
		for _, f := range filters {
			diff(t, fmt.Sprintf("a millisecond before, %+v", f), ids(must(acme.List(ctx, enduser.Query{Filter: f}))(t).Users), []string{u.ID})
		}
		w.Advance(time.Millisecond)
		for method, call := range operations(t) {
			if strings.Contains(method, " by ") {
				wantErr(t, method, call(acme, p), enduser.ErrNotFound)
			}
		}
		for _, f := range filters {
			diff(t, fmt.Sprintf("list %+v", f), ids(must(acme.List(ctx, enduser.Query{Filter: f}))(t).Users), []string{})
			for got := range acme.All(ctx, f) {
				t.Errorf("All %+v yields %s", f, got.ID)
			}
		}
		diff(t, "feed", feed(t, acme), []string{"created u1"}) // nobody looked after it yet
		must(acme.Reindex(ctx))(t)
		diff(t, "feed", feed(t, acme), []string{"created u1"})
	})
}

// A clock that goes on while a call runs makes no holder of a key appear that has
// expired in between.
func TestDeadlineInTheMiddleOfACall(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		for offset := range 8 {
			w := newWorld(st)
			w.users = enduser.New(st, &enduser.Options{NewID: counter(fmt.Sprintf("w%du", offset)), Now: func() time.Time {
				w.Advance(time.Millisecond)
				return w.Now()
			}})
			acme := w.users.Tenant(fmt.Sprint("t", offset))
			for i := range 3 {
				s := enduser.Spec{ExternalID: "a", ExpiresIn: time.Duration(offset) * time.Millisecond}
				if _, _, err := acme.Ensure(ctx, s); err != nil {
					t.Errorf("offset %d, call %d: ensure: %v", offset, i, err)
				}
				s.Name = fmt.Sprint("n", i)
				if _, _, err := acme.Upsert(ctx, s); err != nil {
					t.Errorf("offset %d, call %d: upsert: %v", offset, i, err)
				}
			}
		}
	})
}
