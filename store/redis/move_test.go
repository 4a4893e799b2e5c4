package redis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// remove deletes all records of tenant "tenant" of kind "user".
func remove(ctx context.Context, st store.Store) error {
	page, err := st.List(ctx, "tenant", store.Query{Kind: "user"})
	for _, r := range page.Records {
		if err == nil {
			_, err = st.Apply(ctx, "tenant", store.Ops(store.Remove(r.ID, r.Kind, nil)))
		}
	}
	return err
}

// create creates a record of tenant "tenant".
func create(ctx context.Context, st store.Store, id string) error {
	_, err := st.Apply(ctx, "tenant", store.Ops(store.Create(user(id), []byte("note"))))
	return err
}

// lost is a write whose reply is lost, what others do before it is sent again, and what is so
// afterwards.
type lost struct {
	first     bool // the tenant has record "first" at the beginning
	write     func(context.Context, store.Store) error
	meanwhile func(context.Context, *redisstore.Store) error
	records   []string       // of the tenant, afterwards
	latest    store.Revision // of its feed; 0: none
}

// A write that was done is answered as done when it is sent again, and is not done again,
// also if its tenant was dropped meanwhile or made anew.
func TestLostReplyAndDropped(t *testing.T) {
	drop := func(ctx context.Context, st store.Store) error { return st.(*redisstore.Store).Drop(ctx, "tenant") }
	imports := func(ctx context.Context, st store.Store) error {
		return st.(*redisstore.Store).Import(ctx, "tenant", store.Part{Records: []store.Record{imported("imported", 7)}})
	}
	dropped := func(ctx context.Context, st *redisstore.Store) error {
		return errors.Join(remove(ctx, st), st.Drop(ctx, "tenant"))
	}
	for name, test := range map[string]lost{
		"create, and dropped": {
			first:     true,
			write:     func(ctx context.Context, st store.Store) error { return create(ctx, st, "id") },
			meanwhile: dropped,
		},
		"create, dropped, and made anew": {
			first: true,
			write: func(ctx context.Context, st store.Store) error { return create(ctx, st, "id") },
			meanwhile: func(ctx context.Context, st *redisstore.Store) error {
				return errors.Join(dropped(ctx, st), create(ctx, st, "other"))
			},
			records: []string{"other"}, latest: 1,
		},
		"removal, dropped, and made anew": {
			first: true,
			write: func(ctx context.Context, st store.Store) error {
				_, err := st.Apply(ctx, "tenant", store.Ops(store.Remove("first", "user", nil)))
				return err
			},
			meanwhile: func(ctx context.Context, st *redisstore.Store) error {
				return errors.Join(dropped(ctx, st), create(ctx, st, "first"))
			},
			records: []string{"first"}, latest: 1,
		},
		"drop, and made anew": {
			write:     drop,
			meanwhile: func(ctx context.Context, st *redisstore.Store) error { return create(ctx, st, "other") },
			records:   []string{"other"}, latest: 1,
		},
		"drop, made anew and emptied": {
			write: drop,
			meanwhile: func(ctx context.Context, st *redisstore.Store) error {
				return errors.Join(create(ctx, st, "other"), remove(ctx, st))
			},
			latest: 1,
		},
		"import, and replaced": {
			write: imports,
			meanwhile: func(ctx context.Context, st *redisstore.Store) error {
				old, err := st.Get(ctx, "tenant", store.ID("imported"))
				if err == nil {
					_, err = st.Apply(ctx, "tenant", store.Ops(store.Replace(old, user("imported"), []byte("note"))))
				}
				return err
			},
			records: []string{"imported"}, latest: 8,
		},
		"import, and dropped": {first: true, write: imports, meanwhile: dropped},
	} {
		t.Run(name, func(t *testing.T) { everywhere(t, func(t *testing.T, b backend) { b.lose(t, test) }) })
	}
}

func (b backend) lose(t *testing.T, test lost) {
	t.Helper()
	var network lossyNetwork
	opts := &redisstore.Options{Prefix: b.prefix(t)}
	st, other := b.openLossy(t, &network, opts), b.open(t, opts)
	ctx := t.Context()
	// The server learns the scripts.
	for _, err := range []error{
		create(ctx, other, "first"), test.write(ctx, other), remove(ctx, other), other.Drop(ctx, "tenant"),
	} {
		if err != nil && !errors.Is(err, store.ErrStale) {
			t.Fatal(err)
		}
	}
	if test.first {
		if err := create(ctx, other, "first"); err != nil {
			t.Fatal(err)
		}
	}
	network.meanwhile = func() {
		if err := test.meanwhile(context.Background(), other); err != nil {
			t.Errorf("meanwhile: %v", err)
		}
	}
	network.armed.Store(true)
	if err := test.write(ctx, st); err != nil {
		t.Errorf("%v, want what the first try did", err)
	}
	if network.lost.Load() != 1 {
		t.Errorf("%d replies were lost", network.lost.Load())
	}
	var ids []string
	page, err := st.List(ctx, "tenant", store.Query{Kind: "user"})
	for _, r := range page.Records {
		ids = append(ids, r.ID)
	}
	if err != nil || !slices.Equal(ids, test.records) {
		t.Errorf("records %q, %v; want %q", ids, err, test.records)
	}
	feed, err := st.Changes(ctx, "tenant", store.ChangeQuery{Desc: true, Limit: 1})
	var latest store.Revision
	if len(feed.Changes) > 0 {
		latest = feed.Changes[0].Seq
	}
	if err != nil || latest != test.latest {
		t.Errorf("the latest entry is %d, %v; want %d", latest, err, test.latest)
	}
	tenants, err := st.Tenants(ctx, store.TenantQuery{})
	if exists := test.latest > 0 || test.records != nil; err != nil || (len(tenants.Names) > 0) != exists {
		t.Errorf("tenants %q, %v", tenants.Names, err)
	}
}

// A server whose memory is full still drops tenants, and imports nothing, not even a part.
func TestFullServerMoves(t *testing.T) {
	server := redistest.Server(t)
	st := on(server).open(t, nil)
	put(t, st, "kept", store.Create(user("id"), nil))
	if err := create(t.Context(), st, "id"); err != nil {
		t.Fatal(err)
	}
	server.Set(t, "maxmemory", "1")
	wantError(t, st.Drop(t.Context(), "tenant"), store.ErrStale)
	if err := errors.Join(remove(t.Context(), st), st.Drop(t.Context(), "tenant")); err != nil {
		t.Errorf("Drop: %v", err)
	}
	part := store.Part{Records: []store.Record{imported("a", 1), imported("b", 2)}}
	wantError(t, st.Import(t.Context(), "new", part), store.ErrUnavailable)
	tenants, err := st.Tenants(t.Context(), store.TenantQuery{})
	if err != nil || !slices.Equal(tenants.Names, []string{"kept"}) {
		t.Errorf("tenants %q, %v; want the one that was kept", tenants.Names, err)
	}
	server.Set(t, "maxmemory", "0")
	on(server).check(t, redisstore.DefaultPrefix)
}

// Drop takes as many commands for a long feed as for a short one, none of which removes it
// piece by piece.
func TestDropOfALongFeed(t *testing.T) {
	server := redistest.Server(t)
	st := on(server).open(t, nil)
	dropped := func(entries int) map[string]int {
		t.Helper()
		for seq := 0; seq < entries; seq += 500 {
			var part store.Part
			for i := seq; i < min(seq+500, entries); i++ {
				rev := store.Revision(i + 1)
				part.Changes = append(part.Changes, store.Change{
					Seq: rev, Revision: rev, Type: store.Deleted, Kind: "user", ID: "id", Note: []byte("note"),
				})
			}
			if err := st.Import(t.Context(), "tenant", part); err != nil {
				t.Fatal(err)
			}
		}
		server.Do(t, "config", "resetstat")
		if err := st.Drop(t.Context(), "tenant"); err != nil {
			t.Fatal(err)
		}
		calls := commandCalls(t, server)
		delete(calls, "eval")    // of a script that the server does not know yet
		delete(calls, "evalsha") // likewise
		return calls
	}
	short, long := dropped(1), dropped(20_000)
	if fmt.Sprint(short) != fmt.Sprint(long) || long["unlink"] == 0 {
		t.Errorf("calls of a long feed %v, of a short one %v", long, short)
	}
	if names := server.Do(t, "keys", "*tenant*").([]any); len(names) > 0 {
		t.Errorf("left: %q", names)
	}
}

// Without the replicas that it waits for, a store acknowledges neither Import nor Drop, nor
// what they refuse.
func TestMovesWaitForReplicas(t *testing.T) {
	server := redistest.Server(t)
	plain := on(server).open(t, nil)
	waits := on(server).open(t, &redisstore.Options{WaitReplicas: 1, WaitTimeout: 10 * time.Millisecond, RetryFor: 50 * time.Millisecond})
	part := func(rev int) store.Part { return store.Part{Records: []store.Record{imported("id", rev)}} }
	if err := plain.Import(t.Context(), "full", part(1)); err != nil {
		t.Fatal(err)
	}
	wantError(t, waits.Import(t.Context(), "new", part(1)), store.ErrUnknown)
	wantError(t, waits.Import(t.Context(), "full", part(2)), store.ErrUnavailable)
	wantError(t, waits.Drop(t.Context(), "none"), store.ErrUnknown)
	wantError(t, waits.Drop(t.Context(), "full"), store.ErrUnavailable)
	// It was done, and is done for good when it is repeated.
	if err := plain.Import(t.Context(), "new", part(1)); err != nil {
		t.Error(err)
	}
	on(server).check(t, redisstore.DefaultPrefix)
}

// A right that is taken away stops Import and Drop. When it is back they can be repeated, and
// what they did before is no damage.
func TestMovesRightTakenAway(t *testing.T) {
	server := redistest.Server(t)
	server.Do(t, publishedACL(t)...)
	st, all := on(server).as("rollbook").open(t, nil), on(server).open(t, nil)
	r := imported("id", 5)
	r.Unique, r.Index = []store.Key{{Kind: "name", Value: "n"}}, []store.Key{{Kind: "term"}}
	part := store.Part{Records: []store.Record{r}, Changes: []store.Change{
		{Seq: 5, Revision: 5, Type: store.Created, Kind: "user", ID: "id"},
	}}
	stopped := 0
	without := func(right string, call func() error) {
		t.Helper()
		server.Do(t, "ACL", "SETUSER", "rollbook", "-"+right)
		if err := call(); err != nil {
			stopped++
			if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrUnknown) {
				t.Errorf("without %s: %v", right, err)
			}
		}
		server.Do(t, "ACL", "SETUSER", "rollbook", "+"+right)
		if err := call(); err != nil {
			t.Errorf("with %s again: %v", right, err)
		}
		for f, err := range all.Verify(t.Context(), store.VerifyOptions{}) {
			t.Errorf("with %s again: %+v, %v", right, f, err)
		}
	}
	for _, right := range []string{
		"hset", "hget", "hmget", "zadd", "zcount", "zmscore", "time", "pexpire", "evalsha", "zrevrangebyscore",
	} {
		without(right, func() error { return st.Import(t.Context(), "tenant", part) })
		if err := errors.Join(remove(t.Context(), st), st.Drop(t.Context(), "tenant")); err != nil {
			t.Fatal(err)
		}
	}
	for _, right := range []string{
		"unlink", "hlen", "hmget", "zadd", "zrem", "zcard", "zmscore", "pexpire", "evalsha", "zrangebylex",
	} {
		if err := errors.Join(st.Import(t.Context(), "tenant", part), remove(t.Context(), st)); err != nil {
			t.Fatal(err)
		}
		without(right, func() error { return st.Drop(t.Context(), "tenant") })
		if names := server.Do(t, "keys", "*tenant*").([]any); len(names) > 0 {
			t.Errorf("with %s again: left %q", right, names)
		}
	}
	if stopped < 15 {
		t.Errorf("%d calls were stopped", stopped)
	}
}

// A server is killed while tenants are imported and dropped. Then each is there as a whole,
// or not at all, and both calls can be repeated.
func TestFaultsMoveRestart(t *testing.T) {
	t.Parallel() // it mostly waits
	server := redistest.Server(t, "--appendonly", "yes", "--appendfsync", "always")
	st := on(server).open(t, nil)
	var part store.Part
	for i := range 50 {
		part.Records = append(part.Records, imported(fmt.Sprint(i), i+1))
	}
	rounds(t, func(t *testing.T) {
		t.Helper()
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			redistest.Until(t, "tenants are dropped", func() bool {
				return commandCalls(t, server)["unlink"] > 20
			})
			server.Kill()
		}()
		var err error
		for err == nil {
			if err = st.Import(t.Context(), "tenant", part); err == nil {
				if err = remove(t.Context(), st); err == nil {
					err = st.Drop(t.Context(), "tenant")
				}
			}
		}
		<-killed
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		for f, err := range st.Verify(t.Context(), store.VerifyOptions{}) {
			t.Errorf("after a crash: %+v, %v", f, err)
		}
		if err := errors.Join(remove(t.Context(), st), st.Drop(t.Context(), "tenant"), st.Import(t.Context(), "tenant", part)); err != nil {
			t.Error(err)
		}
		page, err := st.List(t.Context(), "tenant", store.Query{Kind: "user"})
		if err != nil || len(page.Records) != len(part.Records) {
			t.Errorf("%d records, %v; want all", len(page.Records), err)
		}
		server.Do(t, "config", "resetstat")
	})
	on(server).check(t, redisstore.DefaultPrefix)
}
