package enduser_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// stroll goes back and forth in a list while users come and go, and knows what each page
// has to be.
type stroll struct {
	t     *testing.T
	rand  *rand.Rand
	acme  enduser.Tenant
	query enduser.Query
	spec  func(i int) enduser.Spec
	has   func(i int) bool // whether the list has the ith user
	short bool             // pages may be shorter than the limit, and Next wrong by an empty page

	ids  []string // of all users that there ever were, in the order of their creation
	gone []bool
}

func newStroll(t *testing.T, acme enduser.Tenant, q enduser.Query, spec func(i int) enduser.Spec) *stroll {
	t.Helper()
	return &stroll{
		t: t, rand: rand.New(rand.NewPCG(uint64(q.Limit), 7)),
		acme: acme, query: q, spec: spec, has: func(int) bool { return true },
	}
}

func (s *stroll) create(n int) {
	s.t.Helper()
	for range n {
		u := must(s.acme.Create(s.t.Context(), s.spec(len(s.ids))))(s.t)
		s.ids, s.gone = append(s.ids, u.ID), append(s.gone, false)
	}
}

// stir writes between two pages.
func (s *stroll) stir() {
	s.t.Helper()
	for range s.rand.IntN(3) {
		i := s.rand.IntN(len(s.ids))
		if !s.gone[i] {
			s.delete(i)
		}
	}
	s.create(s.rand.IntN(4))
}

func (s *stroll) delete(i int) {
	s.t.Helper()
	s.gone[i] = true
	ok(s.t, s.acme.Delete(s.t.Context(), enduser.ByID(s.ids[i])))
}

// want returns the users that stand on one side of a boundary, the nearest first; the
// boundary b is between the users b-1 and b.
func (s *stroll) want(b int, upward bool) (all []string) {
	for i := b; upward && i < len(s.ids); i++ {
		if !s.gone[i] && s.has(i) {
			all = append(all, s.ids[i])
		}
	}
	for i := b - 1; !upward && i >= 0; i-- {
		if !s.gone[i] && s.has(i) {
			all = append(all, s.ids[i])
		}
	}
	return all
}

// check holds a page against the boundary that it was asked for from, and returns the two
// that its cursors stand for.
func (s *stroll) check(page enduser.Page, b int, forward, cursor bool) (previous, next int) {
	s.t.Helper()
	upward := forward != s.query.Desc
	want := s.want(b, upward)
	got := ids(page.Users)
	if page.Users == nil {
		s.t.Error("a page whose Users are nil")
	}
	if !forward {
		slices.Reverse(got)
	}
	n := min(len(want), s.query.Limit)
	if s.short {
		n = min(n, max(len(got), 1))
	}
	if !slices.Equal(got, want[:n]) {
		s.t.Fatalf("forward %v from %d: %v, want %v", forward, b, got, want[:n])
	}
	ahead, behind := page.Next, page.Previous
	if !forward {
		ahead, behind = behind, ahead
	}
	if more := len(want) > n; ahead.IsZero() == more && (more || !s.short || n == 0) {
		s.t.Fatalf("forward %v from %d: more %v, cursor %v", forward, b, more, ahead)
	}
	if behind.IsZero() == cursor {
		s.t.Fatalf("forward %v from %d: the way back is %v", forward, b, behind)
	}
	if n == 0 {
		return b, b
	}
	near, far := slices.Index(s.ids, got[0]), slices.Index(s.ids, got[n-1])
	if upward {
		far++
	} else {
		near++
	}
	if forward {
		return near, far
	}
	return far, near
}

// run takes so many steps, and then walks to both ends.
func (s *stroll) run(steps int) {
	s.t.Helper()
	start := func() int {
		if s.query.Desc {
			return len(s.ids)
		}
		return 0
	}
	q, b, forward := s.query, start(), true
	for step := 0; ; step++ {
		page := must(s.acme.List(s.t.Context(), q))(s.t)
		if page.Next.IsZero() && page.Previous.IsZero() && len(page.Users) > 0 && len(s.want(start(), !s.query.Desc)) > len(page.Users) {
			s.t.Fatal("no way from here")
		}
		previous, next := s.check(page, b, forward, q.After != q.Before)
		if step < steps {
			s.stir()
		}
		switch back := s.rand.IntN(3) == 0 && step < steps; {
		case step > steps && page.Next.IsZero():
			return
		case (back || page.Next.IsZero()) && !page.Previous.IsZero():
			q.After, q.Before, b, forward = enduser.Cursor{}, page.Previous, previous, false
		case !page.Next.IsZero():
			q.After, q.Before, b, forward = page.Next, enduser.Cursor{}, next, true
		default:
			q, b, forward = s.query, start(), true
		}
		if q.After != q.Before && step < steps && s.rand.IntN(5) == 0 { // nothing is left where it goes
			for _, id := range s.want(b, forward != s.query.Desc) {
				s.delete(slices.Index(s.ids, id))
			}
			s.create(s.rand.IntN(2))
		}
	}
}

// Pages are what stands next to their cursor, in both directions, whatever is deleted and
// created between them, and say truly whether there is more.
func TestPagesWhileWriting(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		for limit := 1; limit <= 7; limit += size.Pick(t, 3, 1, 1) {
			for _, desc := range []bool{false, true} {
				acme := w.users.Tenant(fmt.Sprint(limit, desc))
				q := enduser.Query{Limit: limit, Desc: desc}
				s := newStroll(t, acme, q, func(i int) enduser.Spec { return enduser.Spec{Groups: []string{fmt.Sprint(i % 3)}} })
				s.create(60)
				s.run(20)
				s.query.Group, s.has = "1", func(i int) bool { return i%3 == 1 }
				s.run(20)
			}
		}
	})
}

// frugal is a store of which each call looks at two entries of an index and no more.
type frugal struct{ store.Store }

func (f frugal) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	q.Budget = 2
	return f.Store.List(ctx, tenant, q)
}

// Where a page takes many calls of the store it may be short, and is never empty with
// something behind it.
func TestPagesOfMuchWork(t *testing.T) {
	t.Parallel()
	w := newWorld(frugal{memory.New(nil)})
	for limit := 1; limit <= 7; limit++ {
		for _, desc := range []bool{false, true} {
			acme := w.users.Tenant(fmt.Sprint(limit, desc))
			q := enduser.Query{Limit: limit, Desc: desc, Filter: enduser.Filter{Name: "Ann Lee"}}
			s := newStroll(t, acme, q, func(i int) enduser.Spec {
				return enduser.Spec{Name: []string{"Ann Lee", "Ann", "Lee", "Ann Bob", "Lee Bob"}[i%7%5]}
			})
			s.has, s.short = func(i int) bool { return i%7%5 == 0 }, true
			s.create(60)
			s.run(20)
		}
	}
}

// Pages of large users end by their size, and the walk through them is whole.
func TestPagesOfLargeUsers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		large := enduser.Metadata{"x": enduser.String(strings.Repeat("x", 255<<10))}
		for _, desc := range []bool{false, true} {
			q := enduser.Query{Limit: 7, Desc: desc}
			acme := w.users.Tenant(fmt.Sprint(desc)).With(enduser.Policy{MaxMetadataBytes: 256 << 10})
			s := newStroll(t, acme, q, func(i int) enduser.Spec {
				if i%4 == 0 {
					return enduser.Spec{}
				}
				return enduser.Spec{Metadata: large, SystemProperties: large}
			})
			s.short = true
			s.create(9)
			page := must(acme.List(t.Context(), q))(t)
			bytes := 0
			for _, u := range page.Users {
				bytes += len(u.Metadata["x"].Text()) + len(u.SystemProperties["x"].Text())
			}
			if bytes > store.MaxPageData || page.Next.IsZero() {
				t.Errorf("a page of %d users has %d bytes", len(page.Users), bytes)
			}
			s.run(6)
		}
	})
}

// A cursor is good for its own list alone.
func TestCursorsOfOtherLists(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		w.schema = indexed
		users := people(t, w.acme, 5)
		even := enduser.Query{Filter: enduser.Filter{Group: "even"}, Limit: 1}
		cursor := must(w.acme.List(ctx, even))(t).Next
		text := cursor.String()
		expiring := enduser.Query{ExpiringBefore: epoch}
		for name, c := range map[string]struct {
			tenant enduser.Tenant
			change func(*enduser.Query)
		}{
			"another tenant":      {w.users.Tenant("other"), func(*enduser.Query) {}},
			"another environment": {w.acme.In(enduser.Testing), func(*enduser.Query) {}},
			"another order":       {w.acme, func(q *enduser.Query) { q.Desc = true }},
			"no filter":           {w.acme, func(q *enduser.Query) { q.Filter = enduser.Filter{} }},
			"another group":       {w.acme, func(q *enduser.Query) { q.Group = "odd" }},
			"a name":              {w.acme, func(q *enduser.Query) { q.Name = "Ann" }},
			"an e-mail":           {w.acme, func(q *enduser.Query) { q.Email = "u0@example.com" }},
			"one user":            {w.acme, func(q *enduser.Query) { q.ExternalID = "crm-1" }},
			"an account":          {w.acme, func(q *enduser.Query) { q.Account = enduser.Account{Type: "irc", ID: "1"} }},
			"metadata":            {w.acme, func(q *enduser.Query) { q.Metadata = enduser.Metadata{"plan": enduser.Int(1)} }},
			"added after":         {w.acme, func(q *enduser.Query) { q.AddedAfter = epoch }},
			"added before":        {w.acme, func(q *enduser.Query) { q.AddedBefore = epoch }},
			"by deadline":         {w.acme, func(q *enduser.Query) { q.ExpiringBefore = expiring.ExpiringBefore }},
		} {
			q := even
			c.change(&q)
			q.After = cursor
			wantInvalid(t, name, second(c.tenant.List(ctx, q)), "cursor invalid_cursor")
			wantInvalid(t, name+": count", second(c.tenant.Count(ctx, q)), "cursor invalid_cursor")
			if q.ExpiringBefore.IsZero() {
				q.After, q.Before = enduser.Cursor{}, cursor
				wantInvalid(t, name+": before", second(c.tenant.List(ctx, q)), "cursor invalid_cursor")
			}
		}
		// With its own it is good in another handle, as text, and with another limit.
		even.After, even.Limit = must(enduser.ParseCursor(text))(t), 9
		page := must(w.users.Tenant("acme").As("bob").List(ctx, even))(t)
		diff(t, "its own", ids(page.Users), []string{users[2].ID, users[4].ID})
	})
}

// TestPlacesThatNoPageHad: a cursor by deadline that somebody made up is refused as such,
// whatever the store says of it.
func TestPlacesThatNoPageHad(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		acme := newWorld(st).acme
		for i := range 2 {
			must(acme.Create(t.Context(), enduser.Spec{ExternalID: fmt.Sprint(i), ExpiresIn: time.Hour}))(t)
		}
		q := enduser.Query{ExpiringBefore: epoch.Add(2 * time.Hour), Limit: 1}
		text := must(acme.List(t.Context(), q))(t).Next.String()
		for _, place := range []string{"x", "\xff", strings.Repeat("1", 1025)} {
			raw := must(base64.RawURLEncoding.DecodeString(text))(t)
			forged := base64.RawURLEncoding.EncodeToString(append(raw[:17], place...))
			q.After = must(enduser.ParseCursor(forged))(t)
			wantInvalid(t, "list", second(acme.List(t.Context(), q)), "cursor invalid_cursor")
			wantInvalid(t, "count", second(acme.Count(t.Context(), q)), "cursor invalid_cursor")
		}
	})
}
