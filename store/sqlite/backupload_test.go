package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestBackupUnderLoad makes backups while users are created and changed, and restores each
// elsewhere. Every user is there that was acknowledged before the backup began. A reader of the
// feed that was beyond the end of the backup is told, also when the feed has grown past it
// again, and the others go on.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	s := open(t, file(t), nil)
	l := &load{users: enduser.New(s, nil).Tenant("acme"), acknowledged: make(map[string]bool)}
	rounds := size.Pick(t, 4, 100, 100)
	for round := range rounds {
		stop := l.start(t)
		before := l.snapshot()
		position, err := l.users.Latest(t.Context())
		must(t, err)
		to := filepath.Join(t.TempDir(), "backup.db")
		must(t, s.Backup(t.Context(), to, nil))
		stop()
		_, err = l.users.Create(t.Context(), enduser.Spec{ExternalID: fmt.Sprint("beyond-", round)})
		must(t, err)
		beyond, err := l.users.Latest(t.Context())
		must(t, err)
		end, err := s.Changes(t.Context(), "acme", store.ChangeQuery{Desc: true, Limit: 1})
		must(t, err)
		checkRestored(t, to, before, position, beyond, end.Changes[0].Seq)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	t.Logf("%d backups, %d users", rounds, len(l.acknowledged))
}

// load creates users and changes them.
type load struct {
	users enduser.Tenant

	mu           sync.Mutex
	acknowledged map[string]bool // by external ID
	next         int
}

const loaders = 4

// start returns when users are being created, and goes on until stop is called.
func (l *load) start(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg, begun sync.WaitGroup
	for range loaders {
		begun.Add(1)
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if n == 3 {
					begun.Done()
				}
				l.mu.Lock()
				l.next++
				id := fmt.Sprint("user-", l.next)
				l.mu.Unlock()
				// Not ctx: every call is answered, and so the test knows of every user.
				u, err := l.users.Create(context.WithoutCancel(ctx), enduser.Spec{ExternalID: id, Name: "Ann"})
				if err != nil {
					t.Errorf("create: %v", err)
					if n < 3 {
						begun.Done()
					}
					return
				}
				l.mu.Lock()
				l.acknowledged[id] = true
				l.mu.Unlock()
				_, err = l.users.Update(context.WithoutCancel(ctx), enduser.ByID(u.ID), func(e *enduser.Edit) error {
					e.Name = "Bea"
					return nil
				})
				if err != nil {
					t.Errorf("update: %v", err)
				}
			}
		})
	}
	begun.Wait()
	return func() {
		cancel()
		wg.Wait()
	}
}

func (l *load) snapshot() (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.acknowledged {
		ids = append(ids, id)
	}
	return ids
}

func checkRestored(t *testing.T, from string, want []string, position, beyond enduser.Position, end store.Revision) {
	t.Helper()
	ctx := t.Context()
	path := file(t)
	must(t, sqlite.Restore(ctx, path, from, nil))
	s, err := sqlite.Open(ctx, path, &sqlite.Options{Sync: sqlite.Normal})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	users := enduser.New(s, nil).Tenant("acme")
	has := make(map[string]bool)
	for u, err := range users.All(ctx, enduser.Filter{}) {
		must(t, err)
		has[u.ExternalID] = true
	}
	for _, id := range want {
		if !has[id] {
			t.Errorf("%s was acknowledged before the backup and is not in it", id)
		}
	}
	for f, err := range s.Verify(ctx, store.VerifyOptions{}) {
		t.Errorf("Verify: %+v, %v", f, err)
	}
	readers := func(when string) {
		t.Helper()
		page, err := users.Changes(ctx, enduser.ChangeQuery{After: position})
		if err != nil {
			t.Errorf("%s: a reader that was not beyond the end: %v", when, err)
		}
		for page.More && err == nil {
			page, err = users.Changes(ctx, enduser.ChangeQuery{After: page.Position, Limit: 1000})
		}
		if err != nil || page.Position == beyond {
			t.Errorf("%s: the reader's end: %v", when, err)
		}
		if _, err := users.Changes(ctx, enduser.ChangeQuery{After: beyond}); !errors.Is(err, enduser.ErrTrimmed) {
			t.Errorf("%s: a reader that was beyond the end: %v", when, err)
		}
	}
	readers("restored")
	for i, at := 0, store.Revision(0); at <= end; i++ {
		u, err := users.Create(ctx, enduser.Spec{ExternalID: fmt.Sprint("after-", i)})
		must(t, err)
		at = store.Revision(u.Revision)
	}
	readers("the feed is longer again")
}
