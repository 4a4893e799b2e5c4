package storetest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/sqlite"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// In a test file of the backend, this is the whole conformance test.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T) {
		storetest.Run(t, func() (storetest.Place, error) {
			s := memory.New(nil)
			return storetest.Place{Open: func() (store.Store, error) { return s, nil }}, nil
		})
	}
}

// A backend whose stores can join a transaction of the host has a second test.
func ExampleRunIn() {
	_ = func(t *testing.T) { // func TestStoreIn(t *testing.T) {
		storetest.RunIn(t, func() (storetest.Place, error) {
			path := filepath.Join(t.TempDir(), "users.db")
			st, err := sqlite.Open(context.Background(), path, nil)
			if err != nil {
				return storetest.Place{}, err
			}
			dsn, err := sqlite.DSN(path, nil)
			if err != nil {
				return storetest.Place{}, err
			}
			db, err := sql.Open("sqlite", dsn)
			if err != nil {
				return storetest.Place{}, err
			}
			return storetest.Place{
				Open: func() (store.Store, error) { return st, nil },
				Begin: func() (storetest.Transaction, error) {
					tx, err := db.BeginTx(context.Background(), nil)
					if err != nil {
						return storetest.Transaction{}, err
					}
					return storetest.Transaction{Store: st.In(tx), Commit: tx.Commit, Rollback: tx.Rollback}, nil
				},
				Close: func() error { return errors.Join(db.Close(), st.Close()) },
			}, nil
		})
	}
}

// deaf is a store that does not listen to its contexts.
type deaf struct{ store.Store }

func (d deaf) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return d.Store.Get(context.WithoutCancel(ctx), tenant, key)
}

func ExampleCheck() {
	err := storetest.Check(context.Background(), func() (storetest.Place, error) {
		s := deaf{memory.New(nil)}
		return storetest.Place{Open: func() (store.Store, error) { return s, nil }}, nil
	})
	var failure *storetest.Failure
	if errors.As(err, &failure) {
		fmt.Printf("%s, rule %d: %s\n", failure.Check, failure.Rule, failure.Why)
	}
	// Output:
	// contexts/ended, rule 11: a call whose context has ended returns the context's error and does nothing
}

// Who asks for the one record that matches and takes an empty page for an answer is told
// that there is none.
func ExampleStingy() {
	ctx := context.Background()
	st := storetest.Stingy(memory.New(nil))
	for _, id := range []string{"a team", "another team"} {
		if _, err := st.Apply(ctx, "acme", store.Ops(store.Create(store.Record{ID: id, Kind: "team"}, nil))); err != nil {
			fmt.Println(err)
			return
		}
	}
	if _, err := st.Apply(ctx, "acme", store.Ops(store.Create(store.Record{ID: "ann", Kind: "user"}, nil))); err != nil {
		fmt.Println(err)
		return
	}
	q := store.Query{Kind: "user"}
	for {
		page, err := st.List(ctx, "acme", q)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(page.Records), "records, next", page.Next)
		if page.Next == 0 {
			break
		}
		q.After = page.Next
	}
	// Output:
	// 0 records, next 2
	// 1 records, next 0
}
