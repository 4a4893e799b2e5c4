package redis_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/internal/testing/histories"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// hostileNames are tenants that break naive hash tags, patterns or protocols.
func hostileNames() []string {
	names := []string{
		"}", "{", "{}", "}{", "{a}", "a}b{x", "{{", "}}", "{}{a}", "a{}", "{a", "a}", "{a}{b}", "{a}b{c}d",
		" ", "  ", "\t", "\n", "\r\n", "\x00", "a\x00b", "\x00}", "*", "?", "[a]", "\\", "\\}", ":", "::",
		":r:", "1:a", "0:", "4:acme", "acme:", "*1\r\n$4\r\nPING\r\n", "$-1\r\n", "é", "e\u0301", "\u200b", "\u202e",
		"\ufeff", "\U0010ffff", "😀", "ﬀ", "İ", "null", "nil", "0", "-1", "(", "[", "+", "-", "+inf", "'", "\"",
		"; FLUSHALL", "{user1000}.following", strings.Repeat("{", store.MaxTenant), strings.Repeat("😀", store.MaxTenant/4),
	}
	return names
}

func randomName(r *rand.Rand) string {
	alphabet := []rune("ab{}:*\x00 0159é😀\n\\")
	name := make([]rune, 0, 12)
	for range 1 + r.IntN(12) {
		if r.IntN(4) > 0 {
			name = append(name, alphabet[r.IntN(len(alphabet))])
		} else if c := rune(r.IntN(utf8.MaxRune)); utf8.ValidRune(c) {
			name = append(name, c)
		} else {
			name = append(name, 'x')
		}
	}
	return string(name)
}

// Whatever the name of a tenant, all its keys are in one slot, and none is another's.
func TestTenantNames(t *testing.T) {
	b := onCluster(t)
	st := b.open(t, &redisstore.Options{Prefix: b.prefix(t)})
	random := size.Pick(t, 500, 10_000, 10_000)
	names := make(map[string]bool)
	for _, name := range hostileNames() {
		names[name] = true
	}
	if len(names) < 50 {
		t.Fatalf("%d hostile names, want 50", len(names))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := len(names); len(names) < n+random; {
		names[randomName(r)] = true
	}
	work := make(chan string)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for name := range work {
				if err := writeAndRead(t.Context(), st, name); err != nil {
					t.Errorf("tenant %q: %v", name, err)
				}
			}
		})
	}
	for name := range names {
		work <- name
	}
	close(work)
	wg.Wait()
	q := store.TenantQuery{Limit: store.MaxLimit}
	for {
		page, err := st.Tenants(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range page.Names {
			if !names[name] {
				t.Fatalf("tenant %q is listed twice or was never written", name)
			}
			delete(names, name)
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	if len(names) > 0 {
		t.Errorf("%d tenants are not listed", len(names))
	}
}

// writeAndRead writes a key of every kind, which fails with CROSSSLOT unless they are in
// one slot.
func writeAndRead(ctx context.Context, st store.Store, tenant string) error {
	r := store.Record{
		ID: "}{" + tenant[:1], Kind: "user",
		Unique: []store.Key{{Kind: "name", Value: tenant}},
		Index:  []store.Key{{Kind: "{t}", Value: tenant}},
		Due:    time.UnixMilli(1_700_000_000_000),
		Data:   []byte(tenant),
	}
	if !utf8.ValidString(r.ID) {
		r.ID = "{id}"
	}
	rev, err := st.Apply(ctx, tenant, store.Ops(store.Create(r, []byte("note"))))
	if err != nil {
		return err
	}
	got, err := st.Get(ctx, tenant, r.Unique[0])
	if err != nil {
		return err
	}
	if rev != 1 || got.ID != r.ID || string(got.Data) != tenant {
		return fmt.Errorf("revision %d, read %+v", rev, got)
	}
	page, err := st.List(ctx, tenant, store.Query{Kind: "user", Match: r.Index})
	if err != nil || len(page.Records) != 1 {
		return fmt.Errorf("list: %d records, %w", len(page.Records), err)
	}
	return nil
}

func TestWaitReplicas(t *testing.T) { rounds(t, testWaitReplicas) }

func testWaitReplicas(t *testing.T) {
	t.Helper()
	b := onCluster(t)
	first := user("id")
	first.Unique = []store.Key{{Kind: "name", Value: "n"}}
	op := store.Create(first, []byte("note"))
	t.Run("enough", func(t *testing.T) {
		st := b.open(t, &redisstore.Options{Prefix: b.prefix(t), WaitReplicas: 1})
		if _, err := st.Apply(t.Context(), "tenant", store.Ops(op)); err != nil {
			t.Error(err)
		}
		if err := st.Trim(t.Context(), "tenant", 1); err != nil {
			t.Error(err)
		}
	})
	t.Run("too few", func(t *testing.T) {
		st := b.open(t, &redisstore.Options{
			Prefix: b.prefix(t), WaitReplicas: 2, WaitTimeout: 20 * time.Millisecond, RetryFor: 60 * time.Millisecond,
		})
		_, err := st.Apply(t.Context(), "tenant", store.Ops(op))
		wantError(t, err, store.ErrUnknown)
		old, err := st.Get(t.Context(), "tenant", store.ID("id"))
		if err != nil {
			t.Errorf("the master has it, but: %v", err)
		}
		// No answer tells of a state that the replicas may not have.
		claim := user("other")
		claim.Unique = old.Unique
		for name, b := range map[string]store.Batch{
			"stale":           store.Ops(op),
			"taken":           store.Ops(store.Create(claim, nil)),
			"not there":       store.Ops(store.Remove("none", "user", nil)),
			"a requirement":   {Ops: []store.Op{store.Create(user("new"), nil)}, Require: []store.Require{store.RequireNone("id")}},
			"not the store's": store.Ops(store.Delete(store.Record{ID: "id", Kind: "user", Created: 1, Revision: 1}, nil)),
		} {
			t.Run(name, func(t *testing.T) {
				_, err := st.Apply(t.Context(), "tenant", b)
				wantError(t, err, store.ErrUnavailable)
				if errors.Is(err, store.ErrStale) || errors.Is(err, store.ErrTaken) || errors.Is(err, store.ErrInvalid) {
					t.Errorf("the answer tells of the state: %v", err)
				}
			})
		}
		wantError(t, st.Trim(t.Context(), "tenant", 1), store.ErrUnknown)
		wantError(t, st.Confirm(t.Context(), "tenant"), store.ErrUnavailable)
	})
	t.Run("confirmed", func(t *testing.T) {
		for _, replicas := range []int{0, 1} {
			st := b.open(t, &redisstore.Options{Prefix: b.prefix(t), WaitReplicas: replicas})
			if err := st.Confirm(t.Context(), "tenant"); err != nil {
				t.Errorf("%d replicas: %v", replicas, err)
			}
		}
	})
	t.Run("histories", func(t *testing.T) {
		opts := &redisstore.Options{Prefix: b.prefix(t), WaitReplicas: 1}
		histories.Run(t, func() (store.Store, error) { return b.open(t, opts), nil }, nil)
	})
}

// A master is killed under load. The client finds the new one without help, and the rest
// of the data is consistent.
func TestFailover(t *testing.T) {
	t.Parallel() // it mostly waits
	rounds(t, testFailover)
}

func testFailover(t *testing.T) {
	t.Helper()
	group := redistest.Cluster(t)
	b := onGroup(group)
	st := b.open(t, &redisstore.Options{Prefix: b.prefix(t)})
	victim, heir := group.Nodes[0], group.Nodes[3]
	tenant := ""
	for i := 0; tenant == ""; i++ {
		name := fmt.Sprintf("tenant-%d", i)
		addr, err := st.HomeAddr(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if addr == victim.Addr {
			tenant = name
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var killed, recovered atomic.Int64 // times
	var acked, unknown, unavailable atomic.Int64
	for c := range 8 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				sent := time.Now().UnixNano()
				r := user(fmt.Sprintf("%d-%d", c, n))
				r.Unique = []store.Key{{Kind: "name", Value: r.ID}}
				r.Index = []store.Key{{Kind: "client", Value: fmt.Sprint(c)}}
				_, err := st.Apply(context.WithoutCancel(ctx), tenant, store.Ops(store.Create(r, []byte("note"))))
				switch {
				case err == nil:
					acked.Add(1)
					if at := killed.Load(); at > 0 && sent > at {
						recovered.CompareAndSwap(0, time.Now().UnixNano())
					}
				case errors.Is(err, store.ErrUnknown):
					unknown.Add(1)
				case errors.Is(err, store.ErrUnavailable):
					unavailable.Add(1)
				default:
					t.Errorf("a create of a new ID: %v", err)
				}
			}
		})
	}
	redistest.Until(t, "writes are acknowledged", func() bool { return acked.Load() > 500 })
	victim.Kill()
	killed.Store(time.Now().UnixNano())
	redistest.Until(t, "the replica is promoted", func() bool {
		role, err := heir.Role(t.Context())
		return err == nil && role == "master"
	})
	promoted := time.Now()
	redistest.Until(t, "writes succeed again", func() bool { return recovered.Load() > 0 })
	t.Logf("promoted %v after the kill, first write %v after the promotion; %d acknowledged, %d unknown, %d unavailable",
		promoted.Sub(time.Unix(0, killed.Load())).Round(time.Millisecond),
		time.Unix(0, recovered.Load()).Sub(promoted).Round(time.Millisecond),
		acked.Load(), unknown.Load(), unavailable.Load())
	if late := time.Unix(0, recovered.Load()).Sub(promoted); late > 10*time.Second {
		t.Errorf("the client needed %v to find the new master", late)
	}
	stop()
	wg.Wait()
	if _, err := st.Tenants(t.Context(), store.TenantQuery{}); err != nil {
		t.Error(err)
	}
}
