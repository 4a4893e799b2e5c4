// Hosttx is a shop that keeps its orders and its users in one PostgreSQL database. It writes
// an order and the user who made it in one transaction, and joins them in SQL. The same on
// SQLite is in examples/hosttx.
//
//	hosttx postgres://USER:PASSWORD@HOST/DATABASE
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// shop keeps orders beside the users of its customers.
type shop struct {
	pool  *pgxpool.Pool
	store *postgres.Store
	users *enduser.Manager
}

func main() {
	if err := run(context.Background(), os.Args[1], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dsn string, out io.Writer) error {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	st, err := postgres.New(ctx, pool, nil)
	if err != nil {
		return err
	}
	defer st.Close()
	if _, err := pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS orders (
		tenant text NOT NULL, user_id text NOT NULL, item text NOT NULL CHECK (item <> ''))`); err != nil {
		return err
	}
	s := shop{pool, st, enduser.New(st, nil)}

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
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { // commits unless there is an error
		user, _, err := s.users.On(s.store.In(tx)).Tenant(tenant).Upsert(ctx, by)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO orders VALUES ($1, $2, $3)`, tenant, user.ID, item)
		return err
	})
}

// list prints the orders of a tenant with the names of its users.
func (s shop) list(ctx context.Context, tenant string, out io.Writer) error {
	rows, err := s.pool.Query(ctx, `SELECT u.name, o.item FROM orders o
		JOIN rollbook.rollbook_users u
			ON u.tenant_bytes = convert_to(o.tenant, 'UTF8') AND u.id_bytes = convert_to(o.user_id, 'UTF8')
		WHERE o.tenant = $1`, tenant)
	if err != nil {
		return err
	}
	var name, item string
	_, err = pgx.ForEachRow(rows, []any{&name, &item}, func() error {
		_, err := fmt.Fprintf(out, "%s ordered %s\n", name, item)
		return err
	})
	return err
}
