package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// crowdOf returns specs of users with different external IDs.
func crowdOf(n int) []enduser.Spec {
	specs := make([]enduser.Spec, n)
	for i := range specs {
		specs[i] = enduser.Spec{ExternalID: fmt.Sprintf("crm-%d", i), Name: fmt.Sprintf("Name %d", i)}
	}
	return specs
}

// outcomes counts the answers to rows until an error that ends the call, which it returns with
// the number of its row.
func outcomes(t testing.TB, rows iter.Seq2[enduser.BulkResult, error]) (counts map[enduser.Outcome]int, row int, last error) {
	t.Helper()
	counts = make(map[enduser.Outcome]int)
	for r, err := range rows {
		if last != nil {
			t.Errorf("an answer to row %d after %v", r.Row, last)
		}
		if r.Row != row {
			t.Errorf("an answer to row %d, want %d", r.Row, row)
		}
		if err != nil {
			last = err
			continue
		}
		counts[r.Outcome]++
		row++
	}
	return counts, row, last
}

// usersOf returns how often each external ID is there.
func usersOf(t testing.TB, acme enduser.Tenant) map[string]int {
	t.Helper()
	users := make(map[string]int)
	for u, err := range acme.All(t.Context(), enduser.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		users[u.ExternalID]++
	}
	return users
}

// wantPeople checks that exactly the users of specs are there, each created once.
func wantPeople(t testing.TB, acme enduser.Tenant, specs []enduser.Spec) {
	t.Helper()
	users, created := usersOf(t, acme), 0
	for _, s := range specs {
		if users[s.ExternalID] != 1 {
			t.Fatalf("%s is there %d times", s.ExternalID, users[s.ExternalID])
		}
	}
	for c, err := range changesOf(t.Context(), acme) {
		if err != nil || c.Type != enduser.ChangeCreated {
			t.Fatalf("a change %v, %v", c.Type, err)
		}
		created++
	}
	if len(users) != len(specs) || created != len(specs) {
		t.Fatalf("%d users, %d created, want %d", len(users), created, len(specs))
	}
}

// Any error that is not about one row is that of the first row without an answer, and the last;
// beginning again from there gives what one call would have given.
func TestBulkGoesOnAfterErrors(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, below store.Store) {
		for name, fault := range map[string]error{"unavailable": store.ErrUnavailable, "unknown": store.ErrUnknown} {
			var applies atomic.Int64
			st := &faultstore.Store{Store: below}
			hook := func(int64, []store.Op) error {
				if applies.Add(1)%4 == 0 {
					return fault
				}
				return nil
			}
			st.OnApply = hook
			if errors.Is(fault, store.ErrUnknown) {
				st.OnApply, st.OnApplied = nil, hook
			}
			acme, specs := enduser.New(st, nil).Tenant(name), crowdOf(12*chunkRows+7)
			failed := 0
			for from := 0; ; failed++ {
				_, row, err := outcomes(t, acme.UpsertAll(t.Context(), slices.Values(specs[from:]), nil))
				if from += row; err == nil {
					break
				}
				if !errors.Is(err, enduser.ErrUnavailable) && !errors.Is(err, enduser.ErrUnknown) {
					t.Fatal(err)
				}
				if failed > len(specs) {
					t.Fatal("no progress")
				}
			}
			if failed == 0 {
				t.Error("nothing failed")
			}
			st.OnApply, st.OnApplied = nil, nil
			wantPeople(t, acme, specs)
		}
	})
}

// A call that is broken off, or whose context ends, has ended when it returns: nothing is
// written afterwards, and no goroutine is left, which synctest checks.
func TestBulkEnds(t *testing.T) {
	for name, end := range map[string]func(cancel func()) (stop bool){
		"break":   func(func()) bool { return true },
		"context": func(cancel func()) bool { cancel(); return false },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := &faultstore.Store{Store: memory.New(nil)}
				st.OnApply = func(int64, []store.Op) error { <-time.After(time.Millisecond); return nil }
				acme, specs := newWorld(st).acme, crowdOf(60*chunkRows)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				answered := 0
				var last error
				for r, err := range acme.UpsertAll(ctx, slices.Values(specs), nil) {
					if last = err; err == nil {
						answered++
					}
					if r.Row == 5 && end(cancel) {
						break
					}
				}
				written := st.Applies()
				if name == "context" {
					wantErr(t, "the last answer", last, context.Canceled)
				}
				if answered < 6 || answered == len(specs) {
					t.Errorf("%d answers", answered)
				}
				synctest.Wait()
				<-time.After(time.Second)
				if n := st.Applies(); n != written || n >= 60 {
					t.Errorf("%d writes when the call returned, %d a second later", written, n)
				}
				counts, _, err := outcomes(t, acme.UpsertAll(t.Context(), slices.Values(specs), nil))
				if err != nil || counts[enduser.Unchanged] < answered || counts[enduser.Unchanged]+counts[enduser.Created] != len(specs) {
					t.Errorf("again: %v, %v", counts, err)
				}
				wantPeople(t, acme, specs)
			})
		})
	}
}

// Of the rows of a file only some thousands are in memory, of long rows only some, whatever holds
// up the writes, and whether they are valid or not.
func TestBulkHoldsSomeRowsOnly(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		with       enduser.Spec
		rows, most int
	}{
		"short":            {enduser.Spec{}, 100 * chunkRows, 40 * chunkRows},
		"long metadata":    {enduser.Spec{Metadata: enduser.Metadata{"x": enduser.String(long)}}, 50, 40},
		"a long name":      {enduser.Spec{Name: long}, 50, 40},
		"a long account":   {enduser.Spec{Accounts: []enduser.Account{{Type: "x", ID: long}}}, 50, 40},
		"many long groups": {enduser.Spec{Groups: []string{long, long}}, 50, 40},
		"empty groups":     {enduser.Spec{Groups: make([]string, 1<<16)}, 50, 40},
		"empty accounts":   {enduser.Spec{Accounts: make([]enduser.Account, 1<<15)}, 50, 40},
	} {
		t.Run(name, func(t *testing.T) {
			st := &faultstore.Store{Store: memory.New(nil)}
			read, answered, held := 0, 0, 0
			specs := func(yield func(enduser.Spec) bool) {
				for _, s := range crowdOf(c.rows) {
					id := s.ExternalID
					s = c.with
					s.ExternalID = id
					read++
					held = max(held, read-answered)
					if !yield(s) {
						return
					}
				}
			}
			for _, err := range newWorld(st).acme.UpsertAll(t.Context(), specs, nil) {
				if err != nil && !errors.Is(err, enduser.ErrInvalid) {
					t.Fatal(err)
				}
				answered++
			}
			if answered != read || held > c.most {
				t.Errorf("%d answers to %d rows, of which %d were held at once, want %d at most", answered, read, held, c.most)
			}
		})
	}
}

// Two programs import the same file at once: each user is created by one of them.
func TestBulkTwiceAtOnce(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		specs := crowdOf(5*chunkRows + 3)
		var created, unchanged atomic.Int64
		at2 := func(i int) {
			if i > 1 {
				return
			}
			counts, _, err := outcomes(t, enduser.New(st, nil).Tenant("acme").UpsertAll(t.Context(), slices.Values(specs), nil))
			if err != nil {
				t.Error(err)
			}
			created.Add(int64(counts[enduser.Created]))
			unchanged.Add(int64(counts[enduser.Unchanged]))
		}
		at(at2)
		if n := int64(len(specs)); created.Load() != n || unchanged.Load() != n {
			t.Errorf("%d created, %d unchanged, want %d of each", created.Load(), unchanged.Load(), n)
		}
		wantPeople(t, enduser.New(st, nil).Tenant("acme"), specs)
	})
}

// A dry run writes nothing, and says what a run then does.
func TestBulkDryRun(t *testing.T) {
	each(t, func(t *testing.T, below store.Store) {
		st := &faultstore.Store{Store: below}
		w := newWorld(st)
		must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "crm-1", Name: "Name 1"}))(t)
		must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "crm-2", Name: "Other"}))(t)
		slack := []enduser.Account{{Type: "slack", ID: "1"}}
		holder := must(w.acme.Create(t.Context(), enduser.Spec{Accounts: slack}))(t)
		specs := append(crowdOf(3), enduser.Spec{ExternalID: "new", Accounts: slack}, enduser.Spec{ExternalID: "bad", Language: "-"},
			enduser.Spec{ExternalID: holder.ID}, enduser.Spec{})
		for _, atomically := range []bool{false, true} {
			writes := st.Applies()
			var dry []string
			for r, err := range w.acme.UpsertAll(t.Context(), slices.Values(specs), &enduser.BulkOptions{DryRun: true, Atomic: atomically}) {
				if !errors.Is(err, enduser.ErrNotWritten) {
					dry = append(dry, fmt.Sprint(r.Outcome, err))
				}
				if r.Outcome == enduser.Created && r.ID != "" || r.Outcome != enduser.Unchanged && !r.Version.IsZero() {
					t.Errorf("an ID or version of what was not written: %+v", r)
				}
			}
			if n := st.Applies() - writes; n != 0 {
				t.Errorf("%d writes", n)
			}
			conflict := func(field string) string {
				return fmt.Sprint(enduser.Outcome(0), &enduser.ConflictError{Kind: "user", Field: field, HolderID: holder.ID})
			}
			want := []string{"created <nil>", "unchanged <nil>", "updated <nil>", conflict("linked_accounts")}
			if atomically {
				want = want[3:]
			}
			if len(dry) < len(want)+3 || !slices.Equal(dry[:len(want)], want) || dry[len(want)+1] != conflict("external_id") {
				t.Errorf("dry run: %q, want %q …", dry, want)
			}
		}
		if n := len(usersOf(t, w.acme)); n != 3 {
			t.Errorf("%d users, want 3", n)
		}
	})
}

// An atomic call writes all rows in one write, or none.
func TestBulkAtomic(t *testing.T) {
	each(t, func(t *testing.T, below store.Store) {
		st := &faultstore.Store{Store: below}
		w := newWorld(st)
		all := &enduser.BulkOptions{Atomic: true}
		known := must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "crm-1", Accounts: []enduser.Account{{Type: "slack", ID: "1"}}}))(t)
		before := st.Applies()
		counts, _, err := outcomes(t, w.acme.UpsertAll(t.Context(), slices.Values(crowdOf(100)), all))
		if err != nil || counts[enduser.Created] != 99 || counts[enduser.Updated] != 1 || st.Applies() != before+1 {
			t.Errorf("%v, %v, %d writes", counts, err, st.Applies()-before)
		}
		counts, _, err = outcomes(t, w.acme.UpsertAll(t.Context(), slices.Values(crowdOf(100)), all))
		if err != nil || counts[enduser.Unchanged] != 100 || st.Applies() != before+1 {
			t.Errorf("again: %v, %v, %d writes", counts, err, st.Applies()-before)
		}
		changes := len(slices.Collect(firsts(changesOf(t.Context(), w.acme))))
		for name, c := range map[string]struct {
			bad   enduser.Spec
			check func(err error)
		}{
			"invalid":  {enduser.Spec{ExternalID: "x", Language: "-"}, func(err error) { wantInvalid(t, "row", err, "language invalid_format") }},
			"conflict": {enduser.Spec{ExternalID: "x", Accounts: []enduser.Account{{Type: "slack", ID: "1"}}}, func(err error) { wantConflict(t, "row", err, "linked_accounts", known.ID) }},
			"twice":    {enduser.Spec{ExternalID: "NEW-0"}, func(err error) { wantInvalid(t, "row", err, "rows duplicate") }},
		} {
			specs := []enduser.Spec{{ExternalID: "new-0"}, c.bad, {ExternalID: "new-1"}}
			for r, err := range w.acme.UpsertAll(t.Context(), slices.Values(specs), all) {
				if r.Row == 1 {
					c.check(err)
				} else if !errors.Is(err, enduser.ErrNotWritten) {
					t.Errorf("%s: row %d: %v", name, r.Row, err)
				}
			}
		}
		_, _, err = outcomes(t, w.acme.UpsertAll(t.Context(), slices.Values(crowdOf(chunkRows+1)), all))
		wantInvalid(t, "too many", err, "rows too_many")
		if n := len(slices.Collect(firsts(changesOf(t.Context(), w.acme)))); n != changes {
			t.Errorf("%d changes, want %d", n, changes)
		}
	})
}

// Rows of an atomic import are planned at once, also those whose IDs users have that expired.
func TestBulkAtomicOverExpired(t *testing.T) {
	const n = 32
	at := clock.At(epoch)
	var deletions sync.WaitGroup // they meet, so that nothing puts what follows in an order
	deletions.Add(n)
	st := &between{Store: memory.New(nil), onGot: func(store.Key) {}, onApply: func([]store.Op) {}, applied: func(ops []store.Op) {
		if ops[0].New == nil {
			deletions.Done()
			deletions.Wait()
		}
	}}
	acme := enduser.New(st, &enduser.Options{Now: at.Now}).Tenant("acme")
	var rows []enduser.Import
	for i := range n {
		rows = append(rows, enduser.Import{ID: fmt.Sprint("old-", i), Spec: enduser.Spec{ExpiresIn: time.Second}})
	}
	for _, when := range []string{"at first", "when they have expired"} {
		counts, _, err := outcomes(t, acme.ImportAll(t.Context(), slices.Values(rows), &enduser.BulkOptions{Atomic: true}))
		if err != nil || counts[enduser.Created] != len(rows) {
			t.Errorf("%s: %v, %v", when, counts, err)
		}
		at.Advance(time.Minute)
	}
}

// firsts are the first of each pair.
func firsts[A, B any](pairs iter.Seq2[A, B]) iter.Seq[A] {
	return func(yield func(A) bool) {
		for a := range pairs {
			if !yield(a) {
				return
			}
		}
	}
}

// An idempotency key cannot stand for many writes.
func TestBulkTakesNoIdempotencyKey(t *testing.T) {
	st := &faultstore.Store{Store: memory.New(nil)}
	acme := newWorld(st).acme
	ctx := enduser.Idempotent(t.Context(), "k")
	_, _, err := outcomes(t, acme.UpsertAll(ctx, slices.Values(crowdOf(3)), nil))
	wantErr(t, "with a key", err, enduser.ErrInvalid)
	if n := st.Applies(); n != 0 {
		t.Errorf("%d writes", n)
	}
	counts, _, err := outcomes(t, acme.UpsertAll(enduser.WithoutIdempotency(ctx), slices.Values(crowdOf(3)), nil))
	if err != nil || counts[enduser.Created] != 3 {
		t.Errorf("without one: %v, %v", counts, err)
	}
}

// Inside a transaction of the host everything is done with its commit, and nothing after a
// rollback.
func TestBulkInside(t *testing.T) {
	h := newHost(t)
	acme, specs := h.users.Tenant("acme"), crowdOf(3*chunkRows+1)
	specs[7].Email = "seven@example.com"
	for _, commit := range []bool{false, true} {
		h.inside(t, commit, func(acme enduser.Tenant) {
			for _, want := range []enduser.Outcome{enduser.Created, enduser.Unchanged} {
				counts, _, err := outcomes(t, acme.UpsertAll(t.Context(), slices.Values(specs), nil))
				if err != nil || counts[want] != len(specs) {
					t.Errorf("%v, %v, want all %v", counts, err, want)
				}
			}
		})
		if n := len(usersOf(t, acme)); !commit && n != 0 {
			t.Errorf("%d users after a rollback", n)
		}
	}
	wantPeople(t, acme, specs)
}
