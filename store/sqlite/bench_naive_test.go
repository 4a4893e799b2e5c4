package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"
)

// querier is a transaction, whether its statements are prepared or not.
type querier interface {
	row(ctx context.Context, query string, dest []any, args ...any) error
	exec(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// upsertTenant and upsertPerson are the statements that Apply runs for one user: read the
// tenant; write the user and its key where there is none, or find the user and write it;
// and count the tenant's revision.
func upsertTenant(ctx context.Context, q querier, name string) (n, revision int64, err error) {
	var trimmed int64
	err = q.row(ctx, sqlTenant, []any{&n, &revision, &trimmed}, name)
	return n, revision, err
}

func upsertPerson(ctx context.Context, q querier, tenant, revision int64, at spaces, p person, body []byte) error {
	if p.revision > 0 {
		var rid, created, old, due int64
		var kind string
		var keys []byte
		err := q.row(ctx, sqlFind, []any{&rid, &kind, &created, &old, &due, &keys}, tenant, p.id)
		if err == nil && old != p.revision {
			err = errors.New("stale")
		}
		if err != nil {
			return err
		}
		_, err = q.exec(ctx, sqlUpdateData, revision, body, rid)
		return err
	}
	record := p.record(nil)
	result, err := q.exec(ctx, sqlInsert, nil, tenant, at.records, p.id, "user", revision, 0,
		encodeKeys(record.Unique, nil), body)
	if err != nil {
		return err
	}
	rid, err := result.LastInsertId()
	if err != nil {
		return err
	}
	result, err = q.exec(ctx, sqlClaimKey, at.keys, p.external, rid)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); n != 1 {
		return errors.Join(err, errors.New("taken"))
	}
	return nil
}

// spaces are the numbers of a tenant's users and of their keys, which a side knows.
type spaces struct{ records, keys int64 }

func readSpaces(b *testing.B, db *sql.DB) map[int64]spaces {
	b.Helper()
	rows, err := db.QueryContext(b.Context(), `SELECT r.tenant, r.n, k.n FROM rollbook_space r
		JOIN rollbook_space k ON k.tenant = r.tenant AND k.record = '' AND k.key = 'external'
		WHERE r.record = 'user' AND r.key = ''`)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	all := make(map[int64]spaces)
	for rows.Next() {
		var tenant int64
		var at spaces
		if err := rows.Scan(&tenant, &at.records, &at.keys); err != nil {
			b.Fatal(err)
		}
		all[tenant] = at
	}
	if err := rows.Err(); err != nil || len(all) != benchTenants {
		b.Fatalf("%d tenants, %v", len(all), err)
	}
	return all
}

func naivePool(b *testing.B, path string, o Options, size int) *sql.DB {
	b.Helper()
	uri, err := databaseURI(path)
	if err != nil {
		b.Fatal(err)
	}
	name := strings.Replace(dsn(uri, o, false), "busy_timeout%2810%29", "busy_timeout%2830000%29", 1)
	connector, err := sqlite.NewConnector(name + "&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	b.Cleanup(func() { _ = db.Close() })
	return db
}

// naive is a transaction for each call on a pool of database/sql.
type naive struct {
	db     *sql.DB
	spaces map[int64]spaces
	crowd  *crowd
}

func newNaive(b *testing.B, o Options, size int) *naive {
	b.Helper()
	path, c := prepareDatabase(b, benchUsers)
	db := naivePool(b, path, o, size)
	return &naive{db: db, spaces: readSpaces(b, db), crowd: c}
}

func (n *naive) upsert(ctx context.Context, p person, body []byte) (int64, error) {
	tx, err := n.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	q := plain{tx}
	tenant, revision, err := upsertTenant(ctx, q, p.tenant)
	if err != nil {
		return 0, err
	}
	revision++
	if err := upsertPerson(ctx, q, tenant, revision, n.spaces[tenant], p, body); err != nil {
		return 0, err
	}
	if _, err := q.exec(ctx, sqlUpdateTenant, revision, 0, tenant); err != nil {
		return 0, err
	}
	return revision, tx.Commit()
}

type plain struct{ tx *sql.Tx }

func (p plain) row(ctx context.Context, query string, dest []any, args ...any) error {
	return p.tx.QueryRowContext(ctx, query, args...).Scan(dest...)
}

func (p plain) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return p.tx.ExecContext(ctx, query, args...)
}

// byHand is one goroutine with prepared statements that writes 64 users a
// transaction, and the row of each tenant once.
type byHand struct {
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt
	spaces map[int64]spaces
	crowd  *crowd
}

func newByHand(b *testing.B, o Options) *byHand {
	b.Helper()
	path, c := prepareDatabase(b, benchUsers)
	db := naivePool(b, path, o, 1)
	known := readSpaces(b, db)
	conn, err := db.Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &byHand{conn: conn, stmts: make(map[string]*sql.Stmt), spaces: known, crowd: c}
}

func (h *byHand) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := h.stmts[query]; ok {
		return st, nil
	}
	st, err := h.conn.PrepareContext(ctx, query)
	h.stmts[query] = st
	return st, err
}

func (h *byHand) row(ctx context.Context, query string, dest []any, args ...any) error {
	st, err := h.statement(ctx, query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(dest...)
}

func (h *byHand) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := h.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

func (h *byHand) run(b *testing.B) pass {
	b.Helper()
	ctx := context.Background() // nothing here is ever canceled: the fastest way
	rng := rand.New(rand.NewPCG(7, uint64(h.crowd.ids.Load())))
	written := 0
	start := time.Now()
	for time.Since(start) < benchPass {
		if err := h.batch(ctx, rng); err != nil {
			b.Fatal(err)
		}
		written += benchCallers
	}
	return pass{perSecond: float64(written) / time.Since(start).Seconds()}
}

func (h *byHand) batch(ctx context.Context, rng *rand.Rand) error {
	if _, err := h.exec(ctx, sqlBegin); err != nil {
		return err
	}
	type row struct{ n, revision int64 }
	tenants := make(map[string]*row)
	for caller := range benchCallers {
		p := h.crowd.next(rng, caller)
		t := tenants[p.tenant]
		if t == nil {
			t = new(row)
			var err error
			if t.n, t.revision, err = upsertTenant(ctx, h, p.tenant); err != nil {
				return err
			}
			tenants[p.tenant] = t
		}
		t.revision++
		if err := upsertPerson(ctx, h, t.n, t.revision, h.spaces[t.n], p.person, benchBody(rng)); err != nil {
			return err
		}
		p.revision = t.revision
		h.crowd.keep(caller, p)
	}
	for _, t := range tenants {
		if _, err := h.exec(ctx, sqlUpdateTenant, t.revision, 0, t.n); err != nil {
			return err
		}
	}
	_, err := h.exec(ctx, sqlCommit)
	return err
}
