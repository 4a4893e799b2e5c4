package sqlite_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// Every handle is a store of its own, with pools of its own, on one file.
func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func() (storetest.Place, error) {
		return onFile(t.TempDir()+"/rollbook.db", nil), nil
	})
}

// With one reader a call that needs a second connection would wait for itself.
func TestConformanceOneReader(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func() (storetest.Place, error) {
		return onFile(t.TempDir()+"/rollbook.db", &sqlite.Options{Readers: 1, Sync: sqlite.Normal}), nil
	})
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

// Every second handle is in another process. One process serves all places.
func TestConformanceTwoProcesses(t *testing.T) {
	child := startProcess(t)
	storetest.Run(t, func() (storetest.Place, error) {
		path := t.TempDir() + "/rollbook.db"
		here := onFile(path, nil)
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
