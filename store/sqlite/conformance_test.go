package sqlite_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/histories"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// Every handle is a store of its own, with pools of its own, on one file. Whatever a check
// has done, the indexes are those of the records.
func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func() (storetest.Place, error) {
		path := file(t)
		place := onFile(path, &sqlite.Options{Sync: size.Pick(t, sqlite.Normal, sqlite.Full, sqlite.Full)})
		begin, end := place.Open, place.Close
		corrupted := new(atomic.Bool)
		place.Open = func() (store.Store, error) {
			s, err := begin()
			return corrupter{s, corrupted}, err
		}
		place.Close = func() error {
			if !corrupted.Load() {
				checkIndexes(t, path)
			}
			return end()
		}
		return place, nil
	})
}

// corrupter knows whether anything was damaged.
type corrupter struct {
	store.Store
	corrupted *atomic.Bool
}

func (c corrupter) Unwrap() store.Store { return c.Store }

// Corrupt implements storetest.Corrupter.
func (c corrupter) Corrupt(ctx context.Context, tenant string, damage store.Damage, id string) error {
	c.corrupted.Store(true)
	d, _ := store.As[damager](c.Store)
	return d.Corrupt(ctx, tenant, damage, id)
}

func onFile(path string, opts *sqlite.Options) storetest.Place {
	var opened []*sqlite.Store
	return storetest.Place{
		Open: func() (store.Store, error) {
			// Not the test's context: a subtest may end before the place.
			s, err := sqlite.Open(context.Background(), path, opts)
			if err != nil {
				return nil, err
			}
			opened = append(opened, s)
			return damager{s, path}, nil
		},
		Close: func() error {
			var errs []error
			for _, s := range opened {
				errs = append(errs, s.Close())
			}
			return errors.Join(errs...)
		},
	}
}

// Every second handle is in another process, and each has one reader: a call that needs a
// second connection would wait for itself. One process serves all places.
func TestConformanceTwoProcesses(t *testing.T) {
	t.Parallel()
	child := startProcess(t)
	storetest.Run(t, func() (storetest.Place, error) {
		path := file(t)
		here := onFile(path, &sqlite.Options{Readers: 1, Sync: sqlite.Normal})
		var handles atomic.Int32
		var there []*remote
		return storetest.Place{
			Open: func() (store.Store, error) {
				if handles.Add(1)%2 == 1 {
					return here.Open()
				}
				r, err := child.open(path)
				if err != nil {
					return nil, err
				}
				there = append(there, r)
				return damager{r, path}, nil
			},
			Close: func() error {
				var errs []error
				for _, r := range there {
					errs = append(errs, r.close())
				}
				return errors.Join(append(errs, here.Close())...)
			},
		}, nil
	})
}

func TestHistories(t *testing.T) {
	path := file(t)
	handle := func() (store.Store, error) { return open(t, path, nil), nil }
	histories.Run(t, handle, &histories.Options{Histories: size.Pick(t, 4, 20, 20)})
	checkFile(t, path)
}

func TestHistoriesTwoProcesses(t *testing.T) {
	path := file(t)
	child := startProcess(t)
	remotely := false
	handle := func() (store.Store, error) {
		remotely = !remotely
		if !remotely {
			return open(t, path, nil), nil
		}
		return child.open(path)
	}
	histories.Run(t, handle, &histories.Options{Histories: size.Pick(t, 1, 5, 5)})
}

func TestHistoriesHavePower(t *testing.T) {
	size.Need(t, size.Long)
	path := file(t)
	histories.MutantCaught(t, func() (store.Store, error) { return open(t, path, nil), nil }, nil)
}
