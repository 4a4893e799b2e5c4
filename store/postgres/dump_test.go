package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// TestDumpUnderLoad does what the documentation says of backups while users are created and
// changed, and restores each dump in the place of the schema, under a store that is open. Every
// user is there that was acknowledged before the dump began. A reader of the feed that was beyond
// the restored end is told, also when the feed has grown past it again, and the others go on.
func TestDumpUnderLoad(t *testing.T) {
	size.Need(t, size.Long)
	for range size.Pick(t, 0, 5, 100) {
		h := goldenHome(t)
		s := h.open(t, nil)
		users := enduser.New(s, nil).Tenant("acme")
		l := startUsers(t, users)
		before := l.snapshot(20)
		position, err := users.Latest(t.Context())
		must(t, err)
		file := filepath.Join(t.TempDir(), "rollbook.dump")
		program(t, "pg_dump", "--format=custom", "--schema="+h.schema, "--file="+file, h.direct)
		l.snapshot(20)
		l.end()
		_, err = users.Create(t.Context(), enduser.Spec{ExternalID: "beyond"})
		must(t, err)
		beyond, err := users.Latest(t.Context())
		must(t, err)
		end := last(t, s)
		_, err = h.admin.Exec(t.Context(), h.in(`DROP SCHEMA rollbook CASCADE`))
		must(t, err)
		program(t, "pg_restore", "--exit-on-error", "--dbname="+h.direct, file)

		for i, s := range []*postgres.Store{s, h.open(t, nil)} {
			users := enduser.New(s, nil).Tenant("acme")
			for _, id := range before {
				if _, err := users.Get(t.Context(), enduser.ByExternalID(id)); err != nil {
					t.Errorf("%s was acknowledged before the dump: %v", id, err)
				}
			}
			wantFindings(t, "the restored store", verify(t, s, store.VerifyOptions{}))
			checkReaders(t, users, position, beyond)
			for j := 0; last(t, s) <= end; j++ {
				_, err := users.Create(t.Context(), enduser.Spec{ExternalID: fmt.Sprint("after-", i, "-", j)})
				must(t, err)
			}
			checkReaders(t, users, position, beyond)
		}
		must(t, h.inconsistencies())
	}
}

// last returns the last entry of the feed.
func last(t *testing.T, s store.Store) store.Revision {
	t.Helper()
	page, err := s.Changes(t.Context(), "acme", store.ChangeQuery{Desc: true, Limit: 1})
	must(t, err)
	return page.Changes[0].Seq
}

// program runs a program of PostgreSQL.
func program(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func checkReaders(t *testing.T, users enduser.Tenant, position, beyond enduser.Position) {
	t.Helper()
	if _, err := users.Changes(t.Context(), enduser.ChangeQuery{After: position}); err != nil {
		t.Errorf("a reader that was not beyond the end: %v", err)
	}
	if _, err := users.Changes(t.Context(), enduser.ChangeQuery{After: beyond}); !errors.Is(err, enduser.ErrTrimmed) {
		t.Errorf("a reader that was beyond the end: %v", err)
	}
}

// creating creates users and changes them.
type creating struct {
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu           sync.Mutex
	more         sync.Cond
	acknowledged []string // external IDs
}

func startUsers(t *testing.T, users enduser.Tenant) *creating {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	c := &creating{stop: stop}
	c.more.L = &c.mu
	for i := range 4 {
		c.wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprint("user-", i, "-", n)
				// Not ctx: every call is answered, so that the test knows of every user.
				u, err := users.Create(context.WithoutCancel(ctx), enduser.Spec{ExternalID: id})
				if err == nil {
					_, err = users.Update(context.WithoutCancel(ctx), enduser.ByID(u.ID), func(e *enduser.Edit) error {
						e.Name = "Bea"
						return nil
					})
				}
				if err != nil {
					t.Error(err)
				}
				c.mu.Lock()
				c.acknowledged = append(c.acknowledged, id)
				c.more.Broadcast()
				c.mu.Unlock()
			}
		})
	}
	return c
}

// snapshot waits for more users and returns all that were acknowledged.
func (c *creating) snapshot(more int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for enough := len(c.acknowledged) + more; len(c.acknowledged) < enough; {
		c.more.Wait()
	}
	return c.acknowledged[:len(c.acknowledged):len(c.acknowledged)]
}

func (c *creating) end() {
	c.stop()
	c.wg.Wait()
}
