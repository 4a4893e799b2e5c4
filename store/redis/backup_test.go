package redis_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// A snapshot that a server takes under load, and that another one loads, is what the package
// comment says: whole, with all that was acknowledged before it began. A reader that was beyond
// its end is told so, and the others go on.
func TestBackup(t *testing.T) {
	rounds(t, func(t *testing.T) {
		t.Helper()
		server := redistest.Server(t, "--dbfilename", "dump.rdb")
		st := on(server).open(t, nil)
		acme := enduser.New(st, nil).Tenant("acme")
		load := startWrites(t, st)
		known := populate(t, acme, 20, 0)
		before, err := acme.Latest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		server.Do(t, "bgsave")
		redistest.Until(t, "the snapshot is there", func() bool {
			return infoField(t, server, "rdb_bgsave_in_progress") == "0" && infoField(t, server, "rdb_saves") == "1"
		})
		if _, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "late"}); err != nil {
			t.Fatal(err)
		}
		beyond, err := acme.Latest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		load.end()

		restored := redistest.Server(t)
		restored.Kill()
		copyFile(t, filepath.Join(server.Dir, "dump.rdb"), filepath.Join(restored.Dir, "dump.rdb"))
		if err := restored.Restart(); err != nil {
			t.Fatal(err)
		}
		again := on(restored).open(t, nil)
		for f, err := range again.Verify(t.Context(), store.VerifyOptions{}) {
			t.Errorf("in the backup: %+v, %v", f, err)
		}
		acme = enduser.New(again, nil).Tenant("acme")
		for _, u := range known {
			if got, err := acme.Get(t.Context(), enduser.ByID(u.ID)); err != nil || got.Version != u.Version {
				t.Errorf("%s: %v", u.ExternalID, err)
			}
		}
		if _, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "other"}); err != nil {
			t.Fatal(err)
		}
		if page, err := acme.Changes(t.Context(), enduser.ChangeQuery{After: before}); err != nil || len(page.Changes) != 1 {
			t.Errorf("a reader of before goes on: %d changes, %v", len(page.Changes), err)
		}
		_, err = acme.Changes(t.Context(), enduser.ChangeQuery{After: beyond})
		wantError(t, err, enduser.ErrTrimmed)
		on(restored).check(t, redisstore.DefaultPrefix)
	})
}

// writes are writers that create, replace, delete, import and drop until they are ended.
type writes struct {
	stop context.CancelFunc
	wg   sync.WaitGroup
}

func startWrites(t *testing.T, st *redisstore.Store) *writes {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &writes{stop: stop}
	t.Cleanup(l.end)
	var done atomic.Int64
	for i := range 4 {
		l.wg.Go(func() {
			name := fmt.Sprint("writer", i)
			for n := 1; ctx.Err() == nil; n++ {
				if err := writeAndDrop(ctx, st, name, n); err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				done.Add(1)
			}
		})
	}
	redistest.Until(t, "the writers have written", func() bool { return done.Load() > 20 })
	return l
}

func writeAndDrop(ctx context.Context, st *redisstore.Store, tenant string, n int) error {
	old := imported("id", n)
	old.Unique, old.Index = []store.Key{{Kind: "name", Value: "n"}}, []store.Key{{Kind: "term"}}
	err := st.Import(ctx, tenant, store.Part{Records: []store.Record{old}, Changes: []store.Change{
		{Seq: old.Revision, Revision: old.Revision, Type: store.Created, Kind: "user", ID: "id"},
	}})
	if err != nil {
		return err
	}
	next := user("id")
	next.Index = []store.Key{{Kind: "other"}}
	rev, err := st.Apply(ctx, tenant, store.Ops(store.Replace(old, next, []byte("note"))))
	if err != nil {
		return err
	}
	next.Created, next.Revision = old.Created, rev
	_, err = st.Apply(ctx, tenant, store.Ops(store.Delete(next, []byte("note"))))
	return errors.Join(err, st.Drop(ctx, tenant))
}

func (l *writes) end() {
	l.stop()
	l.wg.Wait()
}

// infoField returns a field of what a server says of its files.
func infoField(t *testing.T, server *redistest.Process, name string) string {
	t.Helper()
	text, _ := server.Do(t, "info", "persistence").(string)
	return redisstore.InfoField(text, name)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err == nil {
		_, err = io.Copy(out, in)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
