package enduser_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

const callers = 64

// at calls f from 64 goroutines at once and waits for them.
func at(f func(i int)) { atonce.Do(callers, f) }

// Of all that upsert one external ID at once, in any case, one creates the user,
// and all get the same.
func TestConcurrentUpserts(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		spellings := []string{"crm-é", "CRM-É", "Crm-e\u0301", "cRM-E\u0301"}
		for try := range size.Pick(t, 2, 16, 200) {
			acme := enduser.New(st, nil).Tenant(fmt.Sprint("acme-", try))
			var users [callers]enduser.User
			var outcomes [callers]enduser.Outcome
			at(func(i int) {
				var err error
				spec := enduser.Spec{ExternalID: spellings[i%len(spellings)], Groups: []string{fmt.Sprint("g", i)}}
				call := acme.Upsert
				if i%8 == 7 {
					call = acme.Ensure
				}
				if users[i], outcomes[i], err = call(ctx, spec); err != nil {
					t.Errorf("try %d, caller %d: %v", try, i, err)
				}
			})
			created, groups := 0, 0
			for i := range callers {
				if users[i].ID != users[0].ID {
					t.Errorf("try %d: users %s and %s", try, users[0].ID, users[i].ID)
				}
				if outcomes[i] == enduser.Created {
					created++
				}
				if outcomes[i] != enduser.Unchanged {
					groups++
				}
			}
			if created != 1 {
				t.Errorf("try %d: %d calls created the user", try, created)
			}
			u := must(acme.Get(ctx, enduser.ByExternalID(spellings[0])))(t)
			if len(u.Groups) != groups {
				t.Errorf("try %d: %d groups, want %d: a merge was lost", try, len(u.Groups), groups)
			}
			if got := feed(t, acme); len(got) != groups || got[0] != "created "+u.ID {
				t.Errorf("try %d: feed %q, want one create and %d updates", try, got, groups-1)
			}
		}
	})
}

// Updates of different metadata keys are all there in the end; each is one change.
func TestConcurrentUpdates(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		for try := range size.Pick(t, 1, 4, 20) {
			acme := enduser.New(st, nil).Tenant(fmt.Sprint("acme-", try))
			u := must(acme.Create(ctx, enduser.Spec{Metadata: enduser.Metadata{"first": enduser.Bool(true)}}))(t)
			at(func(i int) {
				if _, err := acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error {
					u.Metadata[fmt.Sprint("k", i)] = enduser.Int(int64(i))
					return nil
				}); err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			})
			want := enduser.Metadata{"first": enduser.Bool(true)}
			for i := range callers {
				want[fmt.Sprint("k", i)] = enduser.Int(int64(i))
			}
			diff(t, "metadata", must(acme.Get(ctx, enduser.ByID(u.ID)))(t).Metadata, want)
			if n := len(feed(t, acme)); n != 1+callers {
				t.Errorf("%d changes, want %d", n, 1+callers)
			}
		}
	})
}

// One account that many users link at once ends up with one of them.
func TestConcurrentLinks(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		for try := range size.Pick(t, 1, 4, 20) {
			acme := enduser.New(st, nil).Tenant(fmt.Sprint("acme-", try))
			var users [callers]enduser.User
			for i := range users {
				users[i] = must(acme.Create(ctx, enduser.Spec{}))(t)
			}
			var errs [callers]error
			at(func(i int) {
				_, errs[i] = acme.Link(ctx, enduser.ByID(users[i].ID), enduser.Account{Type: "irc", ID: "nick"})
			})
			holder := must(acme.Get(ctx, enduser.ByAccount(enduser.Account{Type: "irc", ID: "nick"})))(t)
			for i, err := range errs {
				if users[i].ID != holder.ID {
					wantConflict(t, "the others", err, "linked_accounts", holder.ID)
				} else if err != nil {
					t.Error("the holder:", err)
				}
			}
		}
	})
}

// Upserts that race deletions leave at most one user, and a feed in which creates
// and deletes take turns.
func TestUpsertsRacingDeletes(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		for try := range size.Pick(t, 1, 4, 20) {
			acme := enduser.New(st, nil).Tenant(fmt.Sprint("acme-", try))
			at(func(i int) {
				if i%2 == 0 {
					_, _, err := acme.Upsert(ctx, enduser.Spec{ExternalID: "a", Name: fmt.Sprint("n", i)})
					if err != nil {
						t.Errorf("upsert: %v", err)
					}
				} else if err := acme.Delete(ctx, enduser.ByExternalID("A")); err != nil && !errors.Is(err, enduser.ErrNotFound) {
					t.Errorf("delete: %v", err)
				}
			})
			alive := ""
			for _, c := range changesAfter(t, acme, 0) {
				switch {
				case c.Type == enduser.ChangeCreated && alive == "":
					alive = c.ID
				case c.Type == enduser.ChangeUpdated && alive == c.ID:
				case c.Type == enduser.ChangeDeleted && alive == c.ID:
					alive = ""
				default:
					t.Errorf("%s %s while %q is alive", c.Type, c.ID, alive)
				}
			}
			var want []string
			if alive != "" {
				want = []string{alive}
			}
			diff(t, "left", ids(must(acme.List(ctx, enduser.Query{}))(t).Users), want)
		}
	})
}

// Managers know nothing of each other, as if in two processes: handles of their own
// on one place.
func TestTwoManagers(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) [2]store.Store{
		"memory": func(t *testing.T) [2]store.Store {
			st := backends.Memory(t)
			return [2]store.Store{st, st}
		},
		"sqlite": func(t *testing.T) [2]store.Store {
			path := filepath.Join(t.TempDir(), "users.db")
			return [2]store.Store{backends.OpenSQLite(t, path), backends.OpenSQLite(t, path)}
		},
		"miniredis": func(t *testing.T) [2]store.Store {
			addr := miniredis.RunT(t).Addr()
			return [2]store.Store{backends.OpenRedis(t, addr, redisstore.DefaultPrefix), backends.OpenRedis(t, addr, redisstore.DefaultPrefix)}
		},
		"redis": func(t *testing.T) [2]store.Store {
			addr, prefix := redisServer(t), "two-"+rand.Text()+":"
			return [2]store.Store{backends.OpenRedis(t, addr, prefix), backends.OpenRedis(t, addr, prefix)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			var acme [2]enduser.Tenant
			for i, st := range open(t) {
				acme[i] = enduser.New(st, nil).Tenant("acme")
			}
			created := make(chan string, callers)
			at(func(i int) {
				u, outcome, err := acme[i%2].Upsert(ctx, enduser.Spec{ExternalID: []string{"a", "A"}[i/2%2], Metadata: enduser.Metadata{"first": enduser.Int(1)}})
				if err != nil {
					t.Errorf("upsert: %v", err)
				}
				if outcome == enduser.Created {
					created <- u.ID
				}
			})
			if len(created) != 1 {
				t.Errorf("%d calls created the user", len(created))
			}
			done := 0
			var mu sync.Mutex
			at(func(i int) {
				_, err := acme[i%2].Update(ctx, enduser.ByExternalID("a"), func(u *enduser.Edit) error {
					u.Metadata[fmt.Sprint("k", i)] = enduser.Int(1)
					return nil
				})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					done++
				case !errors.Is(err, enduser.ErrContended):
					t.Errorf("update: %v", err)
				}
			})
			u := must(acme[0].Get(ctx, enduser.ByExternalID("a")))(t)
			if len(u.Metadata) != 1+done || done < callers/2 {
				t.Errorf("%d keys after %d updates", len(u.Metadata), done)
			}
			diff(t, "the other sees", must(acme[1].Get(ctx, enduser.ByID(u.ID)))(t), u)
			t.Logf("%d of %d updates done, the others ErrContended", done, callers)
		})
	}
}
