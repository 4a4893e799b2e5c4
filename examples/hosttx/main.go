// Hosttx is a shop that keeps its orders and its users in one SQLite file. It writes an order
// and the user who made it in one transaction, and joins them in SQL. The same on PostgreSQL
// is in store/postgres/examples/hosttx.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// shop keeps orders beside the users of its customers.
type shop struct {
	db    *sql.DB
	store *sqlite.Store
	users *enduser.Manager
}

func main() {
	if err := run(context.Background(), "shop.db", os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, path string, out io.Writer) error {
	st, err := sqlite.Open(ctx, path, nil)
	if err != nil {
		return err
	}
	defer st.Close()
	dsn, err := sqlite.DSN(path, nil)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS orders (
		tenant TEXT NOT NULL, user_id TEXT NOT NULL, item TEXT NOT NULL CHECK (item <> ''))`); err != nil {
		return err
	}
	s := shop{db, st, enduser.New(st, nil)}

	if err := s.order(ctx, "acme", enduser.Spec{ExternalID: "crm-7", Name: "Ann"}, "tea"); err != nil {
		return err
	}
	// The table refuses this order. The user was written before it, and is not there either.
	if err := s.order(ctx, "acme", enduser.Spec{ExternalID: "crm-8", Name: "Bob"}, ""); err != nil {
		_, found := s.users.Tenant("acme").Get(ctx, enduser.ByExternalID("crm-8"))
		fmt.Fprintf(out, "Bob's order: %v\nBob: %v\n", err, found)
	}
	return s.list(ctx, "acme", out)
}

// order writes an order and the user who makes it: both or, if it returns an error, neither.
func (s shop) order(ctx context.Context, tenant string, by enduser.Spec, item string) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing, after the commit
	user, _, err := s.users.On(s.store.In(tx)).Tenant(tenant).Upsert(ctx, by)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO orders VALUES (?, ?, ?)`, tenant, user.ID, item); err != nil {
		return err
	}
	return tx.Commit()
}

// list prints the orders of a tenant with the names of its users.
func (s shop) list(ctx context.Context, tenant string, out io.Writer) error {
	rows, err := s.db.QueryContext(ctx, `SELECT u.name, o.item FROM orders o
		JOIN rollbook_users u ON u.tenant = o.tenant AND u.id = o.user_id
		WHERE o.tenant = ?`, tenant)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, item string
		if err := rows.Scan(&name, &item); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s ordered %s\n", name, item)
	}
	return rows.Err()
}
