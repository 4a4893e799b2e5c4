package redis

import (
	"context"
	"strconv"
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// growth writes once, before records are fetched whose sizes have been read.
type growth struct {
	write func()
	done  bool
}

func (*growth) DialHook(next goredis.DialHook) goredis.DialHook          { return next }
func (*growth) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

func (g *growth) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		if cmds[0].Name() == "hmget" && !g.done {
			g.done = true
			g.write()
		}
		return next(ctx, cmds)
	}
}

// grown is how many records grow.
const grown = 5

// growing returns a store with small records, one in each of the tenants in turn, which
// grow to half a page after the store has read their sizes and before it fetches them.
func growing(t *testing.T, tenants ...string) *Store {
	t.Helper()
	server := miniredis.RunT(t)
	writer, reader := openStore(t, server.Addr()), openStore(t, server.Addr())
	write := func(op func(tenant, id string) store.Op) {
		for i := range grown {
			tenant := tenants[i%len(tenants)]
			if _, err := writer.Apply(t.Context(), tenant, store.Ops(op(tenant, strconv.Itoa(i)))); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(func(_, id string) store.Op {
		return store.Create(store.Record{ID: id, Kind: "user", Due: store.FromMillis(1)}, nil)
	})
	reader.client.AddHook(&growth{write: func() {
		write(func(tenant, id string) store.Op {
			old, err := writer.Get(t.Context(), tenant, store.ID(id))
			if err != nil {
				t.Fatal(err)
			}
			large := old
			large.Data = make([]byte, store.MaxData/2)
			return store.Replace(old, large, nil)
		})
	}})
	return reader
}

// small fails the test if records are more than a page.
func small(t *testing.T, records []store.Record) {
	t.Helper()
	size := 0
	for _, r := range records {
		size += len(r.Data)
	}
	if size > store.MaxPageData {
		t.Errorf("a page of %d bytes", size)
	}
}

func TestListOfRecordsThatGrow(t *testing.T) {
	s := growing(t, "t")
	n := 0
	for q := (store.Query{Kind: "user"}); ; {
		page, err := s.List(t.Context(), "t", q)
		if err != nil {
			t.Fatal(err)
		}
		small(t, page.Records)
		n += len(page.Records)
		if page.Next == 0 {
			break
		}
		if page.Next <= q.After {
			t.Fatal("no progress")
		}
		q.After = page.Next
	}
	if n != grown {
		t.Errorf("%d records, want %d", n, grown)
	}
}

func TestDueOfRecordsThatGrow(t *testing.T) {
	s := growing(t, "a", "b", "c", "d", "e")
	tenants := map[string]bool{}
	for q := (store.DueQuery{Before: store.FromMillis(2)}); ; {
		page, err := s.Due(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var records []store.Record
		for _, d := range page.Tenants {
			if len(d.Records) != 1 || tenants[d.Tenant] {
				t.Errorf("tenant %s: %d records", d.Tenant, len(d.Records))
			}
			tenants[d.Tenant] = true
			records = append(records, d.Records...)
		}
		small(t, records)
		if page.Next == "" || page.Next == q.After {
			break
		}
		q.After = page.Next
	}
	if len(tenants) != grown {
		t.Errorf("%d tenants, want %d", len(tenants), grown)
	}
}
