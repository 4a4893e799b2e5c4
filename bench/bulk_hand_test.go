package bench_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	goredis "github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

const rowsByHand = 5000 // of a transaction

// first makes one user, so that the tables have all that later users share.
func first(b *testing.B, st store.Store) {
	b.Helper()
	if _, err := enduser.New(st, nil).Tenant("acme").Create(b.Context(), person(0, 0)); err != nil {
		b.Fatal(err)
	}
}

// keysOf returns the keys of a record in one text, about as long as a store's.
func keysOf(r *store.Record) []byte {
	var keys []byte
	for _, key := range slices.Concat(r.Unique, r.Index) {
		keys = append(append(append(keys, key.Kind...), 0), key.Value...)
	}
	return keys
}

// sqliteByHand writes into the tables of store/sqlite, through prepared statements.
type sqliteByHand struct {
	conn        *sql.Conn
	tenant      int64
	spaces      map[[2]string]int64 // by record kind, or "", and kind of key
	record, key *sql.Stmt
	terms       map[int]*sql.Stmt // by their number
	change      *sql.Stmt
}

func newSQLiteByHand(b *testing.B) *sqliteByHand {
	b.Helper()
	path := filepath.Join(b.TempDir(), "hand.db")
	st, err := sqlite.Open(b.Context(), path, nil)
	if err != nil {
		b.Fatal(err)
	}
	first(b, st)
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"+
		"&_pragma=secure_delete(1)&_pragma=cache_size(-65536)&_pragma=mmap_size(1073741824)&_pragma=wal_autocheckpoint(4000)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	h := &sqliteByHand{conn: conn, spaces: make(map[[2]string]int64), terms: make(map[int]*sql.Stmt)}
	rows, err := conn.QueryContext(b.Context(), `SELECT tenant, n, record, key FROM rollbook_space`)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var n int64
		var at [2]string
		if err := rows.Scan(&h.tenant, &n, &at[0], &at[1]); err != nil {
			b.Fatal(err)
		}
		h.spaces[at] = n
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	prepare := func(query string) *sql.Stmt {
		st, err := conn.PrepareContext(b.Context(), query)
		if err != nil {
			b.Fatal(err)
		}
		return st
	}
	h.record = prepare(`INSERT INTO rollbook_record (tenant, space, id, kind, created, revision, due, keys, data)
		VALUES (?, ?, ?, ?, ?5, ?5, 0, ?, ?) ON CONFLICT (tenant, id) DO NOTHING`)
	h.key = prepare(`INSERT INTO rollbook_key (space, value, rid) VALUES (?, ?, ?) ON CONFLICT (space, value) DO NOTHING`)
	for n := range 8 {
		h.terms[n+1] = prepare(`INSERT OR FAIL INTO rollbook_term (created, rid, space, value) VALUES (?1, ?2, ?, ?)` +
			strings.Repeat(`, (?1, ?2, ?, ?)`, n))
	}
	h.change = prepare(`INSERT INTO rollbook_change (n, entry) VALUES (?, ?)`)
	return h
}

func (h *sqliteByHand) write(ctx context.Context, revision store.Revision, rows []store.Op) error {
	revision++ // of the first user
	for some := range slices.Chunk(rows, rowsByHand) {
		if _, err := h.conn.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
			return err
		}
		for i := range some {
			revision++
			if err := h.insert(ctx, int64(revision), &some[i]); err != nil {
				return err // the end of the benchmark
			}
		}
		if _, err := h.conn.ExecContext(ctx, `UPDATE rollbook_tenant SET revision = ? WHERE n = ?`, int64(revision), h.tenant); err != nil {
			return err
		}
		if _, err := h.conn.ExecContext(ctx, `COMMIT`); err != nil {
			return err
		}
	}
	return nil
}

// insert uses the statements as they are: a sql.Tx would prepare each of them again.
func (h *sqliteByHand) insert(ctx context.Context, revision int64, op *store.Op) error {
	r := op.New
	result, err := h.record.ExecContext(ctx, h.tenant, h.spaces[[2]string{r.Kind, ""}], r.ID, r.Kind, revision, keysOf(r), r.Data)
	if err != nil {
		return err
	}
	rid, err := result.LastInsertId()
	if err != nil {
		return err
	}
	for _, key := range r.Unique {
		result, err := h.key.ExecContext(ctx, h.spaces[[2]string{"", key.Kind}], key.Value, rid)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("taken: %w", err)
		}
	}
	args := []any{revision, rid}
	for _, term := range r.Index {
		args = append(args, h.spaces[[2]string{r.Kind, term.Kind}], term.Value)
	}
	if _, err := h.terms[len(r.Index)].ExecContext(ctx, args...); err != nil {
		return err
	}
	_, err = h.change.ExecContext(ctx, h.tenant<<38+revision, append([]byte("\x01user"+r.ID), op.Note...))
	return err
}

// postgresByHand writes into the tables of store/postgres, each table with one statement for
// all rows of the transaction.
type postgresByHand struct {
	pool   *pgxpool.Pool
	tenant int
}

func newPostgresByHand(b *testing.B) *postgresByHand {
	b.Helper()
	h := &postgresByHand{pool: newPool(b)}
	st, err := postgres.New(b.Context(), h.pool, nil)
	if err != nil {
		b.Fatal(err)
	}
	first(b, st)
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
	if err := h.pool.QueryRow(b.Context(), `SELECT n FROM rollbook.tenant`).Scan(&h.tenant); err != nil {
		b.Fatal(err)
	}
	return h
}

func (h *postgresByHand) write(ctx context.Context, revision store.Revision, rows []store.Op) error {
	revision++
	for some := range slices.Chunk(rows, rowsByHand) {
		if err := pgx.BeginFunc(ctx, h.pool, func(tx pgx.Tx) error { return h.insert(ctx, tx, int64(revision), some) }); err != nil {
			return err
		}
		revision += store.Revision(len(some))
	}
	return nil
}

func (h *postgresByHand) insert(ctx context.Context, tx pgx.Tx, revision int64, rows []store.Op) error {
	var revisions, ofTerm []int64
	var ids, keys, data, notes, unique, holder, terms [][]byte
	for i := range rows {
		revision++
		r := rows[i].New
		revisions, ids = append(revisions, revision), append(ids, []byte(r.ID))
		keys, data, notes = append(keys, keysOf(r)), append(data, r.Data), append(notes, rows[i].Note)
		for _, key := range r.Unique {
			unique, holder = append(unique, []byte(key.Kind+"\x00"+key.Value)), append(holder, []byte(r.ID))
		}
		for _, term := range r.Index {
			terms, ofTerm = append(terms, []byte(r.Kind+"\x00"+term.Kind+"\x00"+term.Value)), append(ofTerm, revision)
		}
	}
	var batch pgx.Batch
	batch.Queue(`UPDATE rollbook.tenant SET revision = $2 WHERE n = $1`, h.tenant, revision)
	batch.Queue(`INSERT INTO rollbook.record (created, revision, due, tenant, kind, id, keys, data)
		SELECT v, v, 0, $1, 'user', i, k, d FROM unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[]) AS r (v, i, k, d)`,
		h.tenant, revisions, ids, keys, data)
	batch.Queue(`INSERT INTO rollbook.key (tenant, key, id) SELECT $1, k, i FROM unnest($2::bytea[], $3::bytea[]) AS r (k, i)`,
		h.tenant, unique, holder)
	batch.Queue(`INSERT INTO rollbook.term (created, tenant, term) SELECT v, $1, t FROM unnest($2::bigint[], $3::bytea[]) AS r (v, t)`,
		h.tenant, ofTerm, terms)
	batch.Queue(`INSERT INTO rollbook.change (revision, tenant, type, kind, id, note)
		SELECT v, $1, 1, 'user', i, n FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) AS r (v, i, n)`,
		h.tenant, revisions, ids, notes)
	return tx.SendBatch(ctx, &batch).Close()
}

// redisByHand writes what store/redis does, in pipelines of 128 users, each in MULTI and EXEC.
type redisByHand struct{ client *goredis.Client }

const usersOfPipeline = 128

func newRedisByHand(b *testing.B) *redisByHand {
	b.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: redistest.Server(b).Addr})
	b.Cleanup(func() { _ = client.Close() })
	return &redisByHand{client}
}

func (h *redisByHand) write(ctx context.Context, revision store.Revision, rows []store.Op) error {
	for some := range slices.Chunk(rows, usersOfPipeline) {
		_, err := h.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
			for _, op := range some {
				revision++
				h.insert(ctx, p, revision, &op)
			}
			p.HSet(ctx, "{1}:r:acme", "", int64(revision))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *redisByHand) insert(ctx context.Context, p goredis.Pipeliner, revision store.Revision, op *store.Op) {
	r, number := op.New, fmt.Sprintf("%016d", revision)
	p.HSetNX(ctx, "{1}:r:acme", r.ID, number+number+string(keysOf(r))+string(r.Data))
	for _, key := range r.Unique {
		p.HSetNX(ctx, "{1}:u:acme", key.Kind+":"+key.Value, r.ID)
	}
	p.ZAdd(ctx, "{1}:k:acme:user", goredis.Z{Score: float64(revision), Member: r.ID})
	for _, term := range r.Index {
		p.ZAdd(ctx, "{1}:i:acme:user:"+term.Kind+":"+term.Value, goredis.Z{Score: float64(revision), Member: r.ID})
	}
	p.ZAdd(ctx, "{1}:f:acme", goredis.Z{Score: float64(revision), Member: number + r.ID + string(op.Note)})
}
