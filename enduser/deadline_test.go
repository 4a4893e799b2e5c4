package enduser_test

import (
	"math"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A deadline is a time that texts can have.
func TestDeadlinesOutOfRange(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	u := must(w.acme.Create(ctx, enduser.Spec{}))(t)
	set := func(at time.Time) error {
		return second(w.acme.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error { e.ExpiresAt = at; return nil }))
	}
	for _, at := range []time.Time{
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(math.MaxInt64/1000, 0), time.Unix(1<<62, 0),
		time.Date(584_556_079, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), time.Unix(-1<<62, 0),
	} {
		wantInvalid(t, at.String(), set(at), "expires_at invalid_value")
	}
	if err := set(time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)); err != nil {
		t.Error(err)
	}
	wantInvalid(t, "negative", second(w.acme.Create(ctx, enduser.Spec{ExpiresIn: -time.Hour})), "expires_in invalid_value")
	late := enduser.New(memory.New(nil), &enduser.Options{Now: func() time.Time { return time.Date(9900, 1, 1, 0, 0, 0, 0, time.UTC) }})
	wantInvalid(t, "expires in", third(late.Tenant("acme").Upsert(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: math.MaxInt64})), "expires_at invalid_value")
	wantInvalid(t, "check", late.Tenant("acme").Check(enduser.Spec{ExpiresIn: math.MaxInt64}), "expires_at invalid_value")
}

// A bound that no deadline can reach selects all provisional users, or none.
func TestBoundsOfDeadlinesOutOfRange(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		must(w.acme.Create(ctx, enduser.Spec{}))(t)
		u := must(w.acme.Create(ctx, enduser.Spec{ExpiresIn: time.Hour}))(t)
		for _, c := range []struct {
			at   time.Time
			want []string
		}{
			{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), []string{u.ID}},
			{time.Date(584_556_079, 1, 1, 0, 0, 0, 0, time.UTC), []string{u.ID}},
			{time.Unix(math.MaxInt64/100, 0), []string{u.ID}},
			{time.Unix(-math.MaxInt64/100, 0), []string{}},
			{time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), []string{}},
		} {
			q := enduser.Query{ExpiringBefore: c.at}
			diff(t, c.at.String(), ids(must(w.acme.List(ctx, q))(t).Users), c.want)
			diff(t, c.at.String(), must(w.acme.Count(ctx, q))(t), enduser.Count{N: len(c.want), Exact: true})
		}
	})
}
