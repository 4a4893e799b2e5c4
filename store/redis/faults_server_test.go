package redis_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// externalID returns the external ID of user n.
func externalID(n int) string { return fmt.Sprintf("crm-%d", n) }

// populate creates users 0 to n-1 and returns them.
func populate(t *testing.T, tenant enduser.Tenant, n int, expiresIn time.Duration) []enduser.User {
	t.Helper()
	users := make([]enduser.User, n)
	for i := range users {
		var err error
		users[i], err = tenant.Create(t.Context(), enduser.Spec{ExternalID: externalID(i), ExpiresIn: expiresIn})
		if err != nil {
			t.Fatal(err)
		}
	}
	return users
}

// A server whose memory is full refuses calls that need memory. It still reads, deletes,
// sweeps and trims.
func TestFaultsMaxmemory(t *testing.T) {
	server := redistest.Server(t, "--maxmemory-policy", "noeviction")
	st := on(server).open(t, nil)
	var ahead atomic.Int64
	users := enduser.New(st, &enduser.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	acme, brief := users.Tenant("acme"), users.Tenant("brief")
	kept := populate(t, acme, 20, 0)
	populate(t, brief, 20, time.Minute)
	latest, err := acme.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server.Set(t, "maxmemory", "1")
	_, err = acme.Create(t.Context(), enduser.Spec{ExternalID: "more"})
	wantError(t, err, store.ErrUnavailable)
	_, err = acme.Update(t.Context(), enduser.ByID(kept[0].ID), func(e *enduser.Edit) error { e.Name = "Ann"; return nil })
	wantError(t, err, store.ErrUnavailable)
	if u, err := acme.Get(t.Context(), enduser.ByExternalID(externalID(0))); err != nil || u.ID != kept[0].ID {
		t.Errorf("a read: %v", err)
	}
	for _, u := range kept[:10] {
		if err := acme.Delete(t.Context(), enduser.ByID(u.ID)); err != nil {
			t.Errorf("a delete: %v", err)
		}
	}
	if err := acme.TrimChanges(t.Context(), latest); err != nil {
		t.Errorf("a trim: %v", err)
	}
	ahead.Store(int64(time.Hour))
	if n, err := users.Sweep(t.Context()); err != nil || n != 20 {
		t.Errorf("a sweep: %d, %v; want all 20 that are due", n, err)
	}
	if err := st.CheckServer(t.Context()); err != nil {
		t.Errorf("CheckServer: %v", err)
	}
	server.Set(t, "maxmemory", "0")
	if _, err := acme.Create(t.Context(), enduser.Spec{ExternalID: externalID(0)}); err != nil {
		t.Errorf("with memory again: %v", err)
	}
	on(server).check(t, redisstore.DefaultPrefix)
}

// With appendonly yes and appendfsync always, a crash of the server loses no acknowledged
// write, and readers of the feed go on where they were.
func TestFaultsRestart(t *testing.T) {
	server := redistest.Server(t, "--appendonly", "yes", "--appendfsync", "always")
	st := on(server).open(t, nil)
	acme := enduser.New(st, nil).Tenant("acme")
	for round := range 3 {
		known := populate(t, acme, 20, 0)
		latest, err := acme.Latest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		server.Kill()
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		for _, u := range known {
			got, err := acme.Get(t.Context(), enduser.ByExternalID(u.ExternalID))
			if err != nil || got.ID != u.ID || got.Version != u.Version {
				t.Errorf("round %d: %s is %s, %v; want it as it was", round, u.ExternalID, got.ID, err)
			}
		}
		if err := acme.Delete(t.Context(), enduser.ByID(known[0].ID)); err != nil {
			t.Error(err)
		}
		page, err := acme.Changes(t.Context(), enduser.ChangeQuery{After: latest})
		if err != nil || len(page.Changes) != 1 {
			t.Errorf("round %d: %d changes, %v; want the deletion", round, len(page.Changes), err)
		}
		for _, u := range known[1:] {
			if err := acme.Delete(t.Context(), enduser.ByID(u.ID)); err != nil {
				t.Fatal(err)
			}
		}
	}
	on(server).check(t, redisstore.DefaultPrefix)
}

// After a server has lost everything, nothing of the past is mistaken for the present:
// readers of the feed get ErrTrimmed, and no version of a lost user is one of the new.
func TestFaultsLostData(t *testing.T) {
	for name, lose := range map[string]func(*testing.T, *redistest.Process){
		"restart without a file": func(t *testing.T, p *redistest.Process) {
			t.Helper()
			p.Kill()
			if err := p.Restart(); err != nil {
				t.Fatal(err)
			}
		},
		"FLUSHDB": func(t *testing.T, p *redistest.Process) { t.Helper(); p.Do(t, "flushdb") },
		"FLUSHALL and scripts": func(t *testing.T, p *redistest.Process) {
			t.Helper()
			p.Do(t, "flushall")
			p.Do(t, "script", "flush")
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Server(t)
			acme := enduser.New(on(server).open(t, nil), nil).Tenant("acme")
			old := populate(t, acme, 5, 0)
			latest, err := acme.Latest(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			lose(t, server)
			_, err = acme.Get(t.Context(), enduser.ByID(old[0].ID))
			wantError(t, err, enduser.ErrNotFound)
			rename := func(e *enduser.Edit) error { e.Name = "Ann"; return nil }
			_, err = acme.Update(t.Context(), enduser.ByExternalID(old[0].ExternalID), rename, enduser.IfVersion(old[0].Version))
			wantError(t, err, enduser.ErrNotFound)
			// As many users, with the same external IDs, in the same order: the same revisions.
			for i, u := range populate(t, acme, 5, 0) {
				if u.ID == old[i].ID || u.Version == old[i].Version {
					t.Errorf("%s has the ID or version of the one that was lost", u.ExternalID)
				}
			}
			_, err = acme.Update(t.Context(), enduser.ByExternalID(old[0].ExternalID), rename, enduser.IfVersion(old[0].Version))
			wantError(t, err, enduser.ErrVersion)
			_, err = acme.Changes(t.Context(), enduser.ChangeQuery{After: latest})
			wantError(t, err, enduser.ErrTrimmed)
			on(server).check(t, redisstore.DefaultPrefix)
		})
	}
}

// A right that is taken away while a program runs makes deletions fail. When it is back
// they can be repeated, and no user stays half deleted: what a script that stopped half way
// has left behind is skipped.
func TestFaultsRightTakenAway(t *testing.T) {
	server := redistest.Server(t)
	server.Do(t, publishedACL(t)...)
	acme := enduser.New(on(server).as("rollbook").open(t, nil), nil).Tenant("acme")
	rights := []string{"hset", "hdel", "hget", "hmget", "zadd", "zrem", "zrange", "zmscore", "zcount", "time", "pexpire", "evalsha"}
	for _, right := range rights {
		u, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "crm-" + right})
		if err != nil {
			t.Fatal(err)
		}
		server.Do(t, "ACL", "SETUSER", "rollbook", "-"+right)
		err = acme.Delete(t.Context(), enduser.ByID(u.ID))
		if errors.Is(err, enduser.ErrNotFound) || err != nil && !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrUnknown) {
			t.Errorf("without %s: %v", right, err)
		}
		server.Do(t, "ACL", "SETUSER", "rollbook", "+"+right)
		if err := acme.Delete(t.Context(), enduser.ByID(u.ID)); err != nil && !errors.Is(err, enduser.ErrNotFound) {
			t.Errorf("with %s again: %v", right, err)
		}
		if _, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "crm-" + right}); err != nil {
			t.Errorf("after the deletion with %s: %v", right, err)
		}
	}
	n := 0
	for u, err := range acme.All(t.Context(), enduser.Filter{}) {
		if n++; err != nil {
			t.Errorf("%s: %v", u.ID, err)
		}
	}
	if n != len(rights) {
		t.Errorf("%d users are listed, want %d", n, len(rights))
	}
}

// Without the replicas that it waits for, a store acknowledges no write of a Manager, and
// vouches for nothing that a Manager has only read.
func TestFaultsNoReplica(t *testing.T) {
	server := redistest.Server(t)
	waits := manage(t, on(server).open(t, &redisstore.Options{WaitReplicas: 1, WaitTimeout: 10 * time.Millisecond, RetryFor: 50 * time.Millisecond})).Tenant("acme")
	plain := manage(t, on(server).open(t, nil)).Tenant("acme")
	known := populate(t, plain, 2, 0)
	if _, _, err := plain.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "team"}); err != nil {
		t.Fatal(err)
	}
	ctx, spec := t.Context(), enduser.Spec{ExternalID: externalID(0)}
	ref := enduser.ByID(known[0].ID)
	for name, call := range map[string]func() error{
		"create": func() error { _, err := waits.Create(ctx, enduser.Spec{ExternalID: "a"}); return err },
		"ensure": func() error { _, _, err := waits.Ensure(ctx, enduser.Spec{ExternalID: "b"}); return err },
		"upsert": func() error { _, _, err := waits.Upsert(ctx, enduser.Spec{ExternalID: "c"}); return err },
		"update": func() error {
			_, err := waits.Update(ctx, ref, func(e *enduser.Edit) error { e.Name = "Ann"; return nil })
			return err
		},
		"create of a group":      func() error { _, _, err := waits.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "d"}); return err },
		"delete":                 func() error { return waits.Delete(ctx, enduser.ByID(known[1].ID)) },
		"conflict":               func() error { _, err := waits.Create(ctx, spec); return err },
		"ensure of a known user": func() error { _, _, err := waits.Ensure(ctx, spec); return err },
		"upsert without change":  func() error { _, _, err := waits.Upsert(ctx, spec); return err },
		"update without change":  func() error { _, err := waits.Update(ctx, ref, func(*enduser.Edit) error { return nil }); return err },
		"conflict of a group": func() error {
			_, _, err := waits.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"})
			return err
		},
		"ensure of a known group": func() error {
			_, _, err := waits.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "team"})
			return err
		},
	} {
		if err := call(); !errors.Is(err, store.ErrUnknown) && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := waits.Get(ctx, ref); err != nil { // a read shows what the master has
		t.Error(err)
	}
}
