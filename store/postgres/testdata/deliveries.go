package delivery

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// others has this file in place of its own when TestDeliveries runs.
func others() []kind { return []kind{{"postgres", setupPostgres, openPostgres}} }

var schemas atomic.Int64

// setupPostgres returns a DSN and a schema.
func setupPostgres(t *testing.T) string {
	t.Helper()
	return fmt.Sprint(pgtest.Database(t), " delivery", schemas.Add(1))
}

func openPostgres(ctx context.Context, address string) (*place, error) {
	dsn, schema, _ := strings.Cut(address, " ")
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, err
	}
	st, err := postgres.New(ctx, pool, &postgres.Options{Schema: schema})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &place{
		store: st,
		begin: func(ctx context.Context) (*hostTx, error) {
			tx, err := pool.Begin(ctx)
			if err != nil {
				return nil, err
			}
			return &hostTx{st.In(tx), tx.Commit, tx.Rollback}, nil
		},
		close: func() error {
			err := st.Close()
			pool.Close()
			return err
		},
	}, nil
}
