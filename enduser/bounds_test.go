package enduser_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// crowd is a registry whose users were added, deleted and expired at random times by one
// clock, and what is left of them, in the order in which they were added.
type crowd struct {
	*world
	rand *rand.Rand
	left []enduser.User
}

func newCrowd(t *testing.T, st store.Store, seed uint64) *crowd {
	t.Helper()
	c := &crowd{world: newWorld(st), rand: rand.New(rand.NewPCG(seed, 3))}
	c.schema = indexed
	c.acme = c.users.Tenant(fmt.Sprint("crowd-", seed))
	for i := range 60 {
		c.Advance(time.Duration(c.rand.IntN(4)) * time.Millisecond) // several in one millisecond, too
		s := enduser.Spec{ExternalID: fmt.Sprint("x", i), Name: []string{"Ann", "Bob"}[c.rand.IntN(2)]}
		if c.rand.IntN(2) == 0 {
			s.Groups = []string{"g"}
		}
		if c.rand.IntN(3) == 0 {
			s.Email, s.Metadata = "e@example.com", enduser.Metadata{"plan": enduser.String("pro")}
		}
		if c.rand.IntN(2) == 0 {
			s.ExpiresIn = time.Duration(1+c.rand.IntN(300)) * time.Millisecond
		}
		c.left = append(c.left, must(c.acme.Create(t.Context(), s))(t))
		if c.rand.IntN(4) == 0 {
			i := c.rand.IntN(len(c.left))
			if err := c.acme.Delete(t.Context(), enduser.ByID(c.left[i].ID)); err != nil {
				sentinel(t, "expired before", err)
			}
			c.left = slices.Delete(c.left, i, i+1)
		}
	}
	for i, u := range c.left { // what is written later does not move a user
		if i%5 == 0 && !u.Expired(c.Now()) {
			c.left[i] = must(c.acme.Update(t.Context(), enduser.ByID(u.ID), func(e *enduser.Edit) error { e.Language = "en"; return nil }))(t)
		}
	}
	return c
}

// when is a time at which somebody was added, or beside it; or none.
func (c *crowd) when() time.Time {
	if c.rand.IntN(3) == 0 {
		return time.Time{}
	}
	at := epoch.Add(time.Duration(c.rand.IntN(110)-5) * time.Millisecond)
	if c.rand.IntN(4) == 0 {
		at = at.Add(time.Microsecond)
	}
	return at
}

func (c *crowd) query() enduser.Query {
	q := enduser.Query{AddedAfter: c.when(), AddedBefore: c.when(), Limit: 1 + c.rand.IntN(9)}
	switch c.rand.IntN(8) {
	case 0:
		q.Name = "ann"
	case 1:
		q.Group = "g"
	case 2:
		q.Name, q.Group = "bob", "g"
	case 3:
		q.Email = "E@example.com"
	case 4:
		q.Metadata = enduser.Metadata{"plan": enduser.String("pro")}
	case 5, 6:
		q.ExternalID = fmt.Sprint("X", c.rand.IntN(60))
	}
	if c.rand.IntN(3) == 0 {
		q.ExpiringBefore = c.Now().Add(time.Duration(c.rand.IntN(300)-20) * time.Millisecond)
	} else {
		q.Desc = c.rand.IntN(2) == 0
	}
	return q
}

// want selects one by one.
func (c *crowd) want(q enduser.Query) []string {
	var selected []enduser.User
	for _, u := range c.left {
		switch {
		case u.Expired(c.Now()),
			!q.AddedAfter.IsZero() && !u.AddedAt.After(q.AddedAfter),
			!q.AddedBefore.IsZero() && !u.AddedAt.Before(q.AddedBefore),
			!q.ExpiringBefore.IsZero() && (u.ExpiresAt.IsZero() || !u.ExpiresAt.Before(q.ExpiringBefore)),
			q.Name != "" && u.Name != map[string]string{"ann": "Ann", "bob": "Bob"}[q.Name],
			q.Group != "" && len(u.Groups) == 0,
			q.Email != "" && u.Email == "",
			len(q.Metadata) > 0 && len(u.Metadata) == 0,
			q.ExternalID != "" && u.ExternalID != "x"+q.ExternalID[1:]:
		default:
			selected = append(selected, u)
		}
	}
	if q.Desc {
		slices.Reverse(selected)
	}
	return ids(selected)
}

// TestBoundsOfLists: the bounds of when users were added and of their deadlines, with
// every filter and in both orders, select what a look at every user selects; and a count
// is the length of that.
func TestBoundsOfLists(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		found, queries := 0, 0
		for seed := range uint64(size.Pick(t, 2, 8, 50)) {
			c := newCrowd(t, st, seed)
			for range size.Pick(t, 30, 200, 200) {
				queries++
				q := c.query()
				got, want := allPages(t, c.acme, q), c.want(q)
				if !q.ExpiringBefore.IsZero() {
					if !slices.IsSortedFunc(got, c.byDeadline) {
						t.Fatalf("seed %d, %+v: %v are not in the order of their deadlines", seed, q, got)
					}
					slices.Sort(got) // with one deadline they come in any order
					slices.Sort(want)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d, %+v:\n got %v\nwant %v", seed, q, got, want)
				}
				count := must(c.acme.Count(t.Context(), q))(t)
				if count != (enduser.Count{N: len(want), Exact: true}) {
					t.Fatalf("seed %d, %+v: count %+v, want %d", seed, q, count, len(want))
				}
				found += len(want)
			}
		}
		if found < 2*queries {
			t.Errorf("%d users were found by %d queries: the test says little", found, queries)
		}
	})
}

// byDeadline compares the deadlines of two users.
func (c *crowd) byDeadline(a, b string) int {
	deadline := func(id string) time.Time {
		i := slices.IndexFunc(c.left, func(u enduser.User) bool { return u.ID == id })
		return c.left[max(i, 0)].ExpiresAt
	}
	return deadline(a).Compare(deadline(b))
}

// allPages walks a list by Next.
func allPages(t testing.TB, acme enduser.Tenant, q enduser.Query) []string {
	t.Helper()
	got := []string{}
	for {
		page := must(acme.List(t.Context(), q))(t)
		if len(page.Users) > q.Limit || len(page.Users) == 0 && !page.Next.IsZero() {
			t.Errorf("a page of %d users, limit %d, next %v", len(page.Users), q.Limit, page.Next)
		}
		got = append(got, ids(page.Users)...)
		if q.After = page.Next; q.After.IsZero() {
			return got
		}
	}
}

// A count ends at its cap, and says so.
func TestCountEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(backends.Memory(t))
	for i := range 10_001 {
		must(w.acme.Create(t.Context(), enduser.Spec{Groups: []string{[]string{"a", "b"}[i%2]}, ExpiresIn: time.Hour}))(t)
	}
	for name, c := range map[string]struct {
		q    enduser.Query
		want enduser.Count
	}{
		"all":      {enduser.Query{}, enduser.Count{N: 10_000}},
		"half":     {enduser.Query{Filter: enduser.Filter{Group: "b"}}, enduser.Count{N: 5_000, Exact: true}},
		"expiring": {enduser.Query{ExpiringBefore: epoch.Add(2 * time.Hour)}, enduser.Count{N: 10_000}},
	} {
		diff(t, name, must(w.acme.Count(t.Context(), c.q))(t), c.want)
	}
}

// Users by their deadlines: those who are kept are not among them, nor are those whose
// deadline has passed, swept or not.
func TestExpiring(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		expires := func(minutes int) string {
			return must(w.acme.Create(ctx, enduser.Spec{ExpiresIn: time.Duration(minutes) * time.Minute}))(t).ID
		}
		expires(1) // and is not swept
		nine, three, five, two := expires(9), expires(3), expires(5), expires(2)
		kept := expires(4)
		must(w.acme.Associate(ctx, enduser.ByID(kept)))(t)
		must(w.acme.Create(ctx, enduser.Spec{}))(t)
		must(w.acme.In(enduser.Testing).Create(ctx, enduser.Spec{ExpiresIn: 3 * time.Minute}))(t)
		must(w.acme.Update(ctx, enduser.ByID(two), func(e *enduser.Edit) error { e.ExpiresAt = epoch.Add(6 * time.Minute); return nil }))(t)
		w.Advance(time.Minute)
		expiring := func(before time.Time) (got []string) {
			for u, err := range w.acme.Expiring(ctx, before) {
				got = append(got, must(u, err)(t).ID)
			}
			return got
		}
		all := []string{three, five, two, nine}
		diff(t, "all", expiring(epoch.Add(time.Hour)), all)
		diff(t, "at a deadline", expiring(epoch.Add(6*time.Minute)), []string{three, five})
		diff(t, "right after it", expiring(epoch.Add(6*time.Minute+time.Millisecond)), []string{three, five, two})
		diff(t, "before all", expiring(epoch), []string{})
		for limit := 1; limit < 5; limit++ {
			diff(t, fmt.Sprint("limit ", limit), allPages(t, w.acme, enduser.Query{ExpiringBefore: epoch.Add(time.Hour), Limit: limit}), all)
		}
		for what, q := range map[string]enduser.Query{
			"descending": {ExpiringBefore: epoch, Desc: true},
			"before":     {ExpiringBefore: epoch, Before: must(w.acme.List(ctx, enduser.Query{Limit: 1}))(t).Next},
		} {
			wantErr(t, what, second(w.acme.List(ctx, q)), enduser.ErrInvalid)
		}
		n := 0
		for _, err := range w.acme.Expiring(ctx, time.Time{}) {
			wantInvalid(t, "no time", err, "before required")
			n++
		}
		if n != 1 {
			t.Errorf("%d errors", n)
		}
		// Those who leave during the loop do not end it.
		var seen []string
		for u, err := range w.acme.Expiring(ctx, epoch.Add(time.Hour)) {
			seen = append(seen, must(u, err)(t).ID)
			ok(t, w.acme.Delete(ctx, enduser.ByID(u.ID)))
		}
		diff(t, "deleted one by one", seen, all)
	})
}
