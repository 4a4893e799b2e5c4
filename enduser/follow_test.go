package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A feed of everything that can be in one: n users and groups, written at random.
func mixedFeed(t *rapid.T, w *world) {
	ctx := context.Background()
	for i := range rapid.IntRange(0, 25).Draw(t, "writes") {
		id := fmt.Sprint("x", rapid.IntRange(0, 4).Draw(t, "which"))
		var err error
		switch rapid.IntRange(0, 4).Draw(t, "what") {
		case 0:
			_, _, err = w.acme.Upsert(ctx, enduser.Spec{ExternalID: id, Name: fmt.Sprint("n", i)})
		case 1:
			_, _, err = w.acme.Upsert(ctx, enduser.Spec{ExternalID: id, Metadata: enduser.Metadata{
				rapid.SampledFrom([]string{"plan", "plan.b", "planet"}).Draw(t, "key"): enduser.Int(int64(i)),
			}})
		case 2:
			err = w.acme.Delete(ctx, enduser.ByExternalID(id))
		case 3:
			_, _, err = w.acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: id})
		case 4:
			err = w.acme.Groups().Delete(ctx, enduser.GroupByExternalID(id))
		}
		if err != nil && !errors.Is(err, enduser.ErrNotFound) {
			t.Fatal(err)
		}
	}
}

// What a query selects is what is left of the whole feed, in both directions, however it is
// cut into pages; and every page says how far it has looked.
func TestChangesAreSelected(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(memory.New(nil))
		mixedFeed(t, w)
		q := enduser.ChangeQuery{
			Kinds:  rapid.SampledFrom([][]string{nil, {"user"}, {"group"}, {"webhook"}, {"user", "group"}}).Draw(t, "kinds"),
			Fields: rapid.SampledFrom([][]string{nil, {"name"}, {"metadata"}, {"metadata.plan"}, {"met"}, {"name", "metadata.planet"}}).Draw(t, "fields"),
			Limit:  rapid.IntRange(1, 4).Draw(t, "limit"),
		}
		var want []int64
		for c := range pagesOf(t, w.acme, enduser.ChangeQuery{}) {
			if selected(c, q) {
				want = append(want, c.Revision)
			}
		}
		for _, q.Desc = range []bool{false, true} {
			var got []int64
			for c := range pagesOf(t, w.acme, q) {
				got = append(got, c.Revision)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%+v: revisions %v, want %v", q, got, want)
			}
			slices.Reverse(want)
		}
		after := q
		after.Desc, after.After = false, latestOf(t, w.acme)
		page, err := w.acme.Changes(context.Background(), after)
		if err != nil || len(page.Changes) > 0 || page.Position != after.After {
			t.Fatalf("after the newest: %+v, %v", page, err)
		}
	})
}

func latestOf(t *rapid.T, tenant enduser.Tenant) enduser.Position {
	p, err := tenant.Latest(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// selected is the documented rule, said in another way.
func selected(c enduser.Change, q enduser.ChangeQuery) bool {
	if q.Kinds != nil && !slices.Contains(q.Kinds, c.Kind) {
		return false
	}
	if q.Fields == nil || c.Type != enduser.ChangeUpdated {
		return true
	}
	for _, f := range c.Fields {
		for _, want := range q.Fields {
			if f == want || strings.HasPrefix(f, want+".") {
				return true
			}
		}
	}
	return false
}

// pagesOf reads a feed page by page. A page is empty only at the end.
func pagesOf(t *rapid.T, tenant enduser.Tenant, q enduser.ChangeQuery) func(func(enduser.Change) bool) {
	return func(yield func(enduser.Change) bool) {
		for {
			page, err := tenant.Changes(context.Background(), q)
			if err != nil || len(page.Changes) == 0 && page.More {
				t.Fatalf("%+v: %+v, %v", q, page, err)
			}
			for _, c := range page.Changes {
				if !yield(c) {
					return
				}
			}
			if !page.More {
				return
			}
			if q.Desc {
				q.Before = page.Position
			} else {
				q.After = page.Position
			}
		}
	}
}

func TestChangesSelectNothingInvalid(t *testing.T) {
	t.Parallel()
	w := newWorld(memory.New(nil))
	for want, q := range map[string]enduser.ChangeQuery{
		"kinds[1] invalid_value": {Kinds: []string{"user", "users"}},
		"fields invalid_value":   {Fields: make([]string, 101)},
	} {
		wantInvalid(t, want, second(w.acme.Changes(t.Context(), q)), want)
	}
}

// If the context ends while nothing is selected the page says how far the feed was read.
func TestChangesSayHowFarTheyLooked(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	st := &canceling{Store: memory.New(nil), cancel: cancel}
	w := newWorld(st)
	for range store.MaxLimit + 10 {
		must(w.acme.Create(t.Context(), enduser.Spec{}))(t)
	}
	st.reads = 1
	page, err := w.acme.Changes(ctx, enduser.ChangeQuery{Kinds: []string{"group"}})
	wantErr(t, "changes", err, context.Canceled)
	rest := readFeed(t, w.acme, enduser.ChangeQuery{After: page.Position})
	if len(rest) != 10 || len(page.Changes) > 0 {
		t.Errorf("%d changes are left after %+v, want 10", len(rest), page)
	}
}

// canceling is a store that cancels a context after some reads of the feed.
type canceling struct {
	store.Store
	reads  int
	cancel func()
}

func (s *canceling) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	page, err := s.Store.Changes(ctx, tenant, q)
	if s.reads--; s.reads == 0 {
		s.cancel()
	}
	return page, err
}

func TestFollow(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		w := newWorld(st)
		must(w.acme.Create(ctx, enduser.Spec{ExternalID: "before"}))(t)
		from := must(w.acme.Latest(ctx))(t)
		must(w.acme.Create(ctx, enduser.Spec{ExternalID: "there"}))(t)
		var got []string
		var last enduser.Position
		for c, err := range w.acme.Follow(ctx, enduser.ChangeQuery{After: from, Limit: 1, Kinds: []string{"user"}, Fields: []string{"name"}}) {
			if err != nil {
				t.Fatal(err)
			}
			got, last = append(got, string(c.Type)+" "+c.ID), c.Position
			switch len(got) {
			case 1: // what comes while it waits, and what it does not select
				go func() {
					_, _ = w.users.Tenant("other").Create(ctx, enduser.Spec{})
					_, _, _ = w.acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "g"})
					_, _ = w.acme.Update(ctx, enduser.ByID("u2"), func(e *enduser.Edit) error { e.Email = "a@example.com"; return nil })
					_, _ = w.acme.Update(ctx, enduser.ByID("u2"), func(e *enduser.Edit) error { e.Name = "Ann"; return nil })
				}()
				continue
			case 2:
				ok(t, w.acme.Delete(ctx, enduser.ByID("u2")))
				continue
			}
			break
		}
		diff(t, "followed", got, []string{"created u2", "updated u2", "deleted u2"})

		ok(t, w.acme.TrimChanges(ctx, last))
		wantErr(t, "trimmed", followed(w.acme.Follow(ctx, enduser.ChangeQuery{After: from})), enduser.ErrTrimmed)
		wantErr(t, "backwards", followed(w.acme.Follow(ctx, enduser.ChangeQuery{Desc: true})), enduser.ErrInvalid)
		cancel()
		wantErr(t, "canceled", followed(w.acme.Follow(ctx, enduser.ChangeQuery{After: last})), context.Canceled)
	})
}

// followed returns the first error of an iterator.
func followed(changes func(func(enduser.Change, error) bool)) (first error) {
	for _, err := range changes {
		if err != nil {
			return err
		}
	}
	return nil
}
