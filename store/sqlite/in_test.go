package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// hostPool returns a host's pool on a file, with the settings that In needs, and more.
func hostPool(t testing.TB, path, more string) *sql.DB {
	t.Helper()
	db, err := openHostPool(path, more)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openHostPool(path, more string) (*sql.DB, error) {
	uri, err := sqlite.DatabaseURI(path)
	if err != nil {
		return nil, err
	}
	return sql.Open("sqlite", uri+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)"+
		"&_pragma=foreign_keys(1)&_pragma=secure_delete(1)&_pragma=trusted_schema(0)"+more)
}

// The damager edits through the transaction: nobody else could.
func TestConformanceIn(t *testing.T) {
	t.Parallel()
	storetest.RunIn(t, func() (storetest.Place, error) {
		path := file(t)
		place := onFile(path, &sqlite.Options{Sync: size.Pick(t, sqlite.Normal, sqlite.Full, sqlite.Full)})
		db, err := openHostPool(path, "")
		if err != nil {
			return place, err
		}
		open := place.Open
		var st *sqlite.Store
		var once sync.Once
		place.Open = func() (store.Store, error) {
			h, err := open()
			if err == nil {
				once.Do(func() { st = h.(damager).Store.(*sqlite.Store) })
			}
			return h, err
		}
		place.Begin = func() (storetest.Transaction, error) {
			tx, err := db.BeginTx(context.Background(), nil)
			if err != nil {
				return storetest.Transaction{}, err
			}
			return storetest.Transaction{Store: txDamager{st.In(tx), tx}, Commit: tx.Commit, Rollback: tx.Rollback}, nil
		}
		end := place.Close
		place.Close = func() error {
			checkIndexes(t, path)
			return errors.Join(end(), db.Close())
		}
		return place, nil
	})
}
