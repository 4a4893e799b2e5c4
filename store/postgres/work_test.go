package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// workUsers is how many users the tenant of TestWork has.
const workUsers = 3000

func workUser(i int) store.Record {
	r := user(fmt.Sprintf("u%05d", i))
	r.Unique = []store.Key{{Kind: "ext", Value: r.ID}}
	r.Index = []store.Key{{Kind: "all", Value: "x"}, {Kind: "few", Value: fmt.Sprint(i / 5)}}
	return r
}

// workCalls are calls of a store with the users. Each takes its number.
func workCalls(ctx context.Context, s *postgres.Store) map[string]func(i int) error {
	apply := func(b store.Batch) error {
		_, err := s.Apply(ctx, "acme", b)
		return err
	}
	get := func(i int, key store.Key, then func(r, next store.Record) error) error {
		r, err := s.Get(ctx, "acme", key)
		if err != nil {
			return fmt.Errorf("Get %d: %w", i, err)
		}
		return then(r, r)
	}
	return map[string]func(i int) error{
		"create": func(i int) error {
			return apply(store.Ops(store.Create(workUser(workUsers+i), []byte("n"))))
		},
		"replace": func(i int) error {
			return get(i, store.ID(workUser(i).ID), func(r, next store.Record) error {
				next.Data = []byte("new")
				return apply(store.Ops(store.Replace(r, next, nil)))
			})
		},
		"batch": func(i int) error {
			return get(i, workUser(1000 + i).Unique[0], func(r, next store.Record) error {
				next.Index = []store.Key{{Kind: "all", Value: "y"}}
				next.Unique = []store.Key{{Kind: "ext", Value: "moved" + r.ID}}
				next.Due = time.UnixMilli(int64(i + 1))
				return apply(store.Batch{
					Ops:     []store.Op{store.Replace(r, next, nil), store.Create(workUser(2*workUsers+i), nil)},
					Require: []store.Require{store.RequireNone("nobody"), store.RequireFree(store.Key{Kind: "ext", Value: "nobody"})},
				})
			})
		},
		"delete": func(i int) error {
			return get(i, store.ID(workUser(2000+i).ID), func(r, _ store.Record) error {
				return apply(store.Ops(store.Delete(r, nil)))
			})
		},
		"known": func(i int) error {
			err := apply(store.Ops(store.Create(store.Record{ID: "new", Kind: "user", Unique: workUser(i).Unique}, nil)))
			if !errors.Is(err, store.ErrTaken) {
				return fmt.Errorf("error %w, want ErrTaken", err)
			}
			return nil
		},
		"list": func(int) error {
			_, err := s.List(ctx, "acme", store.Query{Kind: "user", Limit: 10, After: 1000})
			return err
		},
		"list by terms": func(i int) error {
			_, err := s.List(ctx, "acme", store.Query{
				Kind: "user", Limit: 10,
				Match: []store.Key{{Kind: "few", Value: fmt.Sprint(300 + i)}, {Kind: "all", Value: "x"}},
			})
			return err
		},
		"changes": func(int) error {
			_, err := s.Changes(ctx, "acme", store.ChangeQuery{After: 1000, Limit: 10})
			return err
		},
		"kinds": func(int) error {
			_, err := s.Kinds(ctx, "acme", "")
			return err
		},
		"import": func(i int) error {
			r := workUser(4*workUsers + i)
			r.Created = store.Revision(1<<40 + 100_000*i)
			r.Revision, r.Due = r.Created, time.UnixMilli(int64(i+1))
			return s.Import(ctx, "acme", store.Part{Records: []store.Record{r}, Changes: []store.Change{
				{Seq: r.Created, Revision: r.Created, Type: store.Created, Kind: "user", ID: r.ID},
			}})
		},
		"drop": func(i int) error {
			name := fmt.Sprint("tenant", i)
			for _, op := range []store.Op{store.Create(workUser(0), []byte("n")), store.Remove(workUser(0).ID, "user", nil)} {
				if _, err := s.Apply(ctx, name, store.Ops(op)); err != nil {
					return err
				}
			}
			return s.Drop(ctx, name)
		},
		"due": func(i int) error {
			_, err := s.Due(ctx, store.DueQuery{Before: time.UnixMilli(int64(i + 2)), Limit: 5})
			return err
		},
	}
}

// However many records there are, a call reads the rows that it needs, whenever its plan was
// made: here it was made while there was next to nothing. The store does with a pool of one
// connection, and nobody analyzes its tables.
func TestWork(t *testing.T) {
	h := newHome(t)
	config, err := pgxpool.ParseConfig(h.dsn)
	must(t, err)
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	must(t, err)
	t.Cleanup(pool.Close)
	s, err := postgres.New(t.Context(), pool, &postgres.Options{Schema: h.schema})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	for _, table := range []string{"tenant", "record", "key", "term", "change", "schedule", "dropped"} {
		_, err := h.admin.Exec(t.Context(), h.in(`ALTER TABLE rollbook.`+table+` SET (autovacuum_enabled = off)`))
		must(t, err)
	}
	calls := workCalls(t.Context(), s)
	grow := func(from, to int) {
		for ; from < to; from += 100 {
			var ops []store.Op
			for i := from; i < from+100; i++ {
				ops = append(ops, store.Create(workUser(i), []byte("n")))
			}
			put(t, s, "acme", ops...)
		}
	}
	for _, start := range []int{0, 1000, 2000} {
		grow(start, start+100)
	}
	const warm = 10 // PostgreSQL thinks about its plans for the first five
	for name, call := range calls {
		for i := range warm {
			if err := call(i); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	for _, start := range []int{100, 1100, 2100} {
		grow(start, start+900)
	}
	for name, call := range calls {
		const n = 20
		before := h.rowsRead(t, pool)
		for i := range n {
			if err := call(warm + i); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		// Of its terms, a list counts up to 1,000 entries.
		if rows := (h.rowsRead(t, pool) - before) / n; rows > 1200 || rows > 200 && name != "list by terms" {
			t.Errorf("%s: reads %d rows", name, rows)
		}
	}
}

// rowsRead returns how many rows of tables and indexes the connection of a pool, and others,
// have read.
func (h home) rowsRead(t *testing.T, pool *pgxpool.Pool) (n int64) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`)
	must(t, err)
	must(t, h.admin.QueryRow(t.Context(), `SELECT
		(SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables WHERE schemaname = $1)::bigint
		+ (SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE schemaname = $1)::bigint`, h.schema).Scan(&n))
	return n
}
