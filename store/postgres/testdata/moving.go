package moving

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// others has this file in place of its own when TestMoving runs.
func others() []kind { return []kind{{"postgres", setupPostgres, openPostgres}} }

var schemas atomic.Int64

// setupPostgres returns a DSN and a schema.
func setupPostgres(t *testing.T) string {
	t.Helper()
	return fmt.Sprint(pgtest.Database(t), " moving", schemas.Add(1))
}

func openPostgres(ctx context.Context, address string) (store.Store, func() error, error) {
	dsn, schema, _ := strings.Cut(address, " ")
	st, err := postgres.Open(ctx, dsn, &postgres.Options{Schema: schema})
	if err != nil {
		return nil, nil, err
	}
	return st, st.Close, nil
}
