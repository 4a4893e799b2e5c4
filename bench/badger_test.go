package bench_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/store"
)

// BenchmarkBadger compares an Apply of a new record with two unique keys, on SQLite with
// synchronous=FULL, with a transaction of Badger with SyncWrites that checks that the ID
// and the keys are free, and writes them. 64 callers.
func BenchmarkBadger(b *testing.B) {
	const callers, length = 64, 2 * time.Second
	db, err := badger.Open(badger.DefaultOptions(b.TempDir()).WithSyncWrites(true).WithLogger(nil))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	st := openSQLite(b)

	var last atomic.Int64
	theirs := func(context.Context, *mathrand.Rand) error {
		tenant, r := newRecord(last.Add(1))
		return db.Update(func(tx *badger.Txn) error {
			at := []byte(tenant + "/id/" + r.ID)
			if err := absent(tx, at); err != nil {
				return err
			}
			for _, k := range r.Unique {
				key := []byte(tenant + "/" + k.Kind + "/" + k.Value)
				if err := absent(tx, key); err != nil {
					return err
				}
				if err := tx.Set(key, []byte(r.ID)); err != nil {
					return err
				}
			}
			return tx.Set(at, r.Data)
		})
	}
	ours := func(ctx context.Context, _ *mathrand.Rand) error {
		tenant, r := newRecord(last.Add(1))
		_, err := st.Apply(ctx, tenant, store.Ops(store.Create(r, nil)))
		return err
	}
	var r ratios.Set
	for b.Loop() {
		for range ratios.Passes(b) {
			rates := inTurns(b, callers, length, theirs, ours)
			r.Add("applied/s", rates[1])
			r.Add("x-badger", rates[1]/rates[0])
		}
	}
	r.Report(b)
}

// newRecord returns a record with two keys and a body of 600 bytes. IDs are ordered by
// time, keys are not.
func newRecord(n int64) (tenant string, r store.Record) {
	return fmt.Sprint("tenant-", n%4), store.Record{
		ID: fmt.Sprintf("%024x", n), Kind: "user", Data: make([]byte, 600),
		Unique: []store.Key{{Kind: "external", Value: rand.Text()}, {Kind: "account", Value: rand.Text()}},
	}
}

func absent(tx *badger.Txn, key []byte) error {
	_, err := tx.Get(key)
	if err == nil {
		return errors.New("taken")
	}
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil
	}
	return err
}
