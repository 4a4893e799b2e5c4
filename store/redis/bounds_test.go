package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// commandCalls returns how often a server has run each command.
func commandCalls(t *testing.T, server *redistest.Process) map[string]int {
	t.Helper()
	calls := make(map[string]int)
	text := server.Do(t, "info", "commandstats").(string)
	for _, m := range regexp.MustCompile(`cmdstat_([^:]+):calls=(\d+)`).FindAllStringSubmatch(text, -1) {
		calls[m[1]], _ = strconv.Atoi(m[2])
	}
	return calls
}

// The worst filter: eight terms, each of which nearly every record has, and all of which
// six have. No call does more than its budget, and a walk in either direction finds the
// six.
func TestWorstFilter(t *testing.T) {
	const terms, matching = 8, 6
	records := size.Pick(t, 12_000, 60_000, 60_000)
	every := records / matching
	server := redistest.Server(t)
	var looked atomic.Int64
	st := on(server).open(t, &redisstore.Options{Observer: &store.Observer{
		Call: func(c store.CallInfo) { looked.Store(int64(c.Looked)) },
	}})
	q := store.Query{Kind: "user", Limit: 100}
	for k := range terms {
		q.Match = append(q.Match, store.Key{Kind: fmt.Sprint("t", k)})
	}
	var want []string
	for first := 0; first < records; first += store.MaxOps {
		var ops []store.Op
		for i := first; i < min(first+store.MaxOps, records); i++ {
			r := store.Record{ID: fmt.Sprint(i), Kind: "user", Index: slices.Clone(q.Match)}
			if i%every == every/2 {
				want = append(want, r.ID)
			} else {
				r.Index = slices.Delete(r.Index, i%terms, i%terms+1)
			}
			ops = append(ops, store.Create(r, nil))
		}
		put(t, st, "tenant", ops...)
	}
	for _, desc := range []bool{false, true} {
		for _, budget := range []int{0, 1_000, 777} {
			q.Desc, q.Budget, q.After, q.Before = desc, budget, 0, 0
			most := budget
			if budget == 0 {
				most = store.DefaultBudget
			}
			var got []string
			calls := 0
			for {
				before := commandCalls(t, server)
				page, err := st.List(t.Context(), "tenant", q)
				if err != nil {
					t.Fatal(err)
				}
				after := commandCalls(t, server)
				calls++
				if n := looked.Load(); n > int64(most) {
					t.Errorf("a call looked at %d entries, budget %d", n, most)
				}
				steps := most/512 + 1
				for command, bound := range map[string]int{
					"zrangebyscore": steps, "zrevrangebyscore": steps, "zmscore": steps * (terms - 1),
					"zcard": terms, "hmget": steps, "hstrlen": len(want),
				} {
					if n := after[command] - before[command]; n > bound {
						t.Errorf("a call with budget %d runs %s %d times, bound %d", most, command, n, bound)
					}
				}
				for _, r := range page.Records {
					got = append(got, r.ID)
				}
				if page.Next == 0 {
					break
				}
				if q.After = page.Next; desc {
					q.After, q.Before = 0, page.Next
				}
			}
			if desc {
				slices.Reverse(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("desc %v, budget %d: %q, want %q", desc, budget, got, want)
			}
			if least := records * (terms - 1) / terms / most; calls < least {
				t.Errorf("desc %v, budget %d: a walk of %d calls", desc, budget, calls)
			}
		}
	}
}

// countingNetwork counts what is received.
type countingNetwork struct{ received atomic.Int64 }

func (n *countingNetwork) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	return &countingConn{Conn: c, network: n}, err
}

type countingConn struct {
	net.Conn
	network *countingNetwork
}

func (c *countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.network.received.Add(int64(n))
	return n, err
}

// What does not fit into a page is not fetched.
func TestFetchedBytes(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		var network countingNetwork
		client := b.clientWith(t, goredis.UniversalOptions{Dialer: network.dial})
		st := newStore(t, client, &redisstore.Options{Prefix: b.prefix(t)})
		ctx := t.Context()
		key := []store.Key{{Kind: "k"}}
		for i := range 40 {
			r := store.Record{ID: fmt.Sprint(i), Kind: "user", Index: key, Due: time.UnixMilli(int64(i + 1)), Data: make([]byte, 400<<10)}
			tenant := []string{"many", fmt.Sprint("one", i)}[i%2]
			put(t, st, tenant, store.Create(r, make([]byte, store.MaxNote)))
		}
		for name, read := range map[string]func() (any, error){
			"List": func() (any, error) { return st.List(ctx, "many", store.Query{Kind: "user"}) },
			"List by a term": func() (any, error) {
				return st.List(ctx, "many", store.Query{Kind: "user", Match: key, Desc: true})
			},
			"List of what does not match": func() (any, error) {
				return st.List(ctx, "many", store.Query{Kind: "user", NotDueBefore: time.UnixMilli(1000)})
			},
			"Due": func() (any, error) { return st.Due(ctx, store.DueQuery{Before: time.UnixMilli(1000)}) },
			"Due of one": func() (any, error) {
				return st.Due(ctx, store.DueQuery{Before: time.UnixMilli(1000), Tenant: "many"})
			},
			"Changes": func() (any, error) { return st.Changes(ctx, "many", store.ChangeQuery{}) },
		} {
			before := network.received.Load()
			if _, err := read(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			const slack = 2*store.MaxNote + 64<<10 // what Changes asks for at first; what is around records
			if n := network.received.Load() - before; n > store.MaxPageData+slack {
				t.Errorf("%s: received %d bytes", name, n)
			}
		}
	})
}

// pageCounter counts the pages that are on their way at once.
type pageCounter struct {
	tripCounter

	mu        sync.Mutex
	now, most int
}

func (c *pageCounter) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		if strings.EqualFold(cmds[0].Name(), "hmget") {
			c.mu.Lock()
			c.now++
			c.most = max(c.most, c.now)
			c.mu.Unlock()
			defer func() { c.mu.Lock(); c.now--; c.mu.Unlock() }()
		}
		return next(ctx, cmds)
	}
}

// However many lists there are, few pages are on their way at once, and of large ones
// fewer than there are processors.
func TestPagesAtOnce(t *testing.T) {
	for _, test := range []struct {
		name             string
		size, page, most int
	}{
		{"small", 10 << 10, 8, 4},
		{"large", 200 << 10, 5, min(4, max(1, runtime.GOMAXPROCS(0)-1))},
	} {
		t.Run(test.name, func(t *testing.T) { testPagesAtOnce(t, test.size, test.page, test.most) })
	}
}

func testPagesAtOnce(t *testing.T, size, want, most int) {
	b := onServer(t)
	client := b.client(t)
	st := newStore(t, client, &redisstore.Options{Prefix: b.prefix(t)})
	for i := range 8 {
		r := store.Record{ID: fmt.Sprint(i), Kind: "user", Data: make([]byte, size)}
		put(t, st, "tenant", store.Create(r, nil))
	}
	var counter pageCounter
	client.AddHook(&counter)
	var wg sync.WaitGroup
	for range 60 {
		wg.Go(func() {
			for range 3 {
				page, err := st.List(t.Context(), "tenant", store.Query{Kind: "user"})
				if err != nil || len(page.Records) != want {
					t.Errorf("%d records, next %d, %v; want %d", len(page.Records), page.Next, err, want)
				}
			}
		})
	}
	wg.Wait()
	if counter.most == 0 || counter.most > most {
		t.Errorf("%d pages were on their way at once, want 1 to %d", counter.most, most)
	}
}

// Readers beside a Trim that removes in pieces see the feed without a gap, or are told
// what was forgotten.
func TestTrimBesideReaders(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		st := b.open(t, &redisstore.Options{Prefix: b.prefix(t)})
		const entries = 4000
		for first := 0; first < entries; first += 100 {
			var ops []store.Op
			for i := range 100 {
				ops = append(ops, store.Create(user(fmt.Sprint(first+i)), []byte("note")))
			}
			put(t, st, "tenant", ops...)
		}
		done := make(chan struct{})
		var wg sync.WaitGroup
		for reader := range 4 {
			wg.Go(func() {
				for after := store.Revision(reader * 100); ; after = (after + 97) % entries {
					if err := readAfter(t.Context(), st, after, reader%2 == 1); err != nil {
						t.Errorf("after %d: %v", after, err)
						return
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		for _, through := range []store.Revision{1500, 10, 3600, 3600} {
			if err := st.Trim(t.Context(), "tenant", through); err != nil {
				t.Error(err)
			}
		}
		close(done)
		wg.Wait()
		page, err := st.Changes(t.Context(), "tenant", store.ChangeQuery{Desc: true, Limit: store.MaxLimit})
		if err != nil || len(page.Changes) != 401 || page.Trimmed != 3599 || page.Changes[400].Seq != 3600 {
			t.Errorf("%d entries are left, trimmed %d, %v", len(page.Changes), page.Trimmed, err)
		}
	})
}

// readAfter reads a page of the feed, in which every revision has an entry.
func readAfter(ctx context.Context, st store.Store, after store.Revision, desc bool) error {
	q := store.ChangeQuery{After: after, Limit: 10}
	if desc {
		q.Before, q.Desc = after+8, true
	}
	page, err := st.Changes(ctx, "tenant", q)
	var trimmed *store.TrimmedError
	if errors.As(err, &trimmed) {
		if trimmed.Through <= after {
			return fmt.Errorf("nothing behind was forgotten: %w", err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if desc {
		slices.Reverse(page.Changes)
	}
	for i, c := range page.Changes {
		if c.Seq != after+store.Revision(i)+1 {
			return fmt.Errorf("entry %d is %d", i, c.Seq)
		}
	}
	return nil
}
