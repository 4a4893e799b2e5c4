// Package backends has this file in place of its own others.go when TestSuites runs.
package backends

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// Kind is a kind of store. Open returns an empty one, which is closed at the end of the test.
type Kind struct {
	Name string
	Open func(testing.TB) store.Store
}

// Others are the kinds that tests run on.
func Others() []Kind {
	return []Kind{
		{"postgres", openPostgres},
		{"stingy", func(tb testing.TB) store.Store { tb.Helper(); return storetest.Stingy(openPostgres(tb)) }},
	}
}

var (
	server  *pgtest.Server // ends with the process
	schemas atomic.Int64

	database = sync.OnceValues(func() (dsn string, err error) {
		if server, err = pgtest.Start(); err != nil {
			return "", err
		}
		return server.Create()
	})
)

// openPostgres opens a store in a schema of its own.
func openPostgres(tb testing.TB) store.Store {
	dsn, err := database()
	if err != nil {
		panic(err) // tb may be nil
	}
	s, err := postgres.Open(context.Background(), dsn, &postgres.Options{Schema: fmt.Sprint("test", schemas.Add(1))})
	if err != nil {
		panic(err)
	}
	if tb != nil {
		tb.Helper()
		tb.Cleanup(func() {
			if err := s.Close(); err != nil {
				tb.Error(err)
			}
		})
	}
	return s
}
