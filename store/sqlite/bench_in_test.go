package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// BenchmarkIn writes an order and its user in one transaction, one after the other: with a
// Manager in the host's transaction, and with a table of users that a team would write for
// itself. Both are on the same disk under the same settings, and take the same statements
// for the order.
func BenchmarkIn(b *testing.B) {
	for _, sync := range []sqlite.Sync{sqlite.Normal, sqlite.Full} {
		b.Run(sync.String(), func(b *testing.B) {
			more := "&_pragma=cache_size(-65536)&_pragma=mmap_size(1073741824)"
			path, other := file(b), file(b)
			st := open(b, path, &sqlite.Options{Sync: sync})
			users := enduser.New(st, nil)
			ours := hostPool(b, path, "&_pragma=synchronous("+sync.String()+")"+more)
			naive := hostPool(b, other, "&_pragma=journal_mode(WAL)&_pragma=synchronous("+sync.String()+")"+more)
			for _, db := range []*sql.DB{ours, naive} {
				_, err := db.ExecContext(b.Context(), `CREATE TABLE orders (id INTEGER PRIMARY KEY, user TEXT NOT NULL, total INTEGER NOT NULL)`)
				must(b, err)
			}
			_, err := naive.ExecContext(b.Context(), `CREATE TABLE users (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, external_id TEXT NOT NULL,
				name TEXT, email TEXT, data TEXT, UNIQUE (tenant, external_id)); CREATE INDEX users_email ON users (tenant, email);
				CREATE INDEX users_name ON users (tenant, name)`)
			must(b, err)
			n := 0
			next := func() enduser.Spec {
				n++
				return enduser.Spec{ExternalID: fmt.Sprint("customer-", n), Name: fmt.Sprint("Ada Lovelace ", n), Email: fmt.Sprintf("ada%d@example.com", n)}
			}
			withUsers := func(ctx context.Context, tx *sql.Tx) error {
				u, err := users.On(st.In(tx)).Tenant("acme").Create(ctx, next())
				if err != nil {
					return err
				}
				_, err = tx.ExecContext(ctx, `INSERT INTO orders (user, total) VALUES (?, ?)`, u.ID, n)
				return err
			}
			withTable := func(ctx context.Context, tx *sql.Tx) error {
				s := next()
				id := fmt.Sprintf("%032x", n)
				_, err := tx.ExecContext(ctx, `INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)`, id, "acme", s.ExternalID, s.Name, s.Email, `{"plan":"free"}`)
				if err != nil {
					return err
				}
				_, err = tx.ExecContext(ctx, `INSERT INTO orders (user, total) VALUES (?, ?)`, id, n)
				return err
			}
			var r ratios.Set
			for range ratios.Passes(b) {
				table := perSecond(b, naive, withTable)
				inside := perSecond(b, ours, withUsers)
				r.Add("x-table", inside/table)
				r.Add("orders/s", inside)
				r.Add("table-orders/s", table)
			}
			r.Report(b)
		})
	}
}

// perSecond returns how many transactions a pass commits.
func perSecond(b *testing.B, db *sql.DB, write func(context.Context, *sql.Tx) error) float64 {
	b.Helper()
	const pass = 500 * time.Millisecond
	begun := time.Now()
	n := 0
	for ; time.Since(begun) < pass; n++ {
		tx, err := db.BeginTx(b.Context(), nil)
		must(b, err)
		must(b, write(b.Context(), tx))
		must(b, tx.Commit())
	}
	return float64(n) / time.Since(begun).Seconds()
}
