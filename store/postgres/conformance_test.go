package postgres_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/histories"
	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, newHome(t).places(t, plainly))
}

func plainly(s store.Store) store.Store { return s }

// Through a PgBouncer in transaction mode whose four connections all handles share.
func TestConformanceBouncer(t *testing.T) {
	size.Need(t, size.Long)
	t.Parallel()
	pgtest.Require(t)
	b := pgtest.Shared(t).Bouncer(t, 4)
	storetest.Run(t, newHome(t).through(b).places(t, plainly))
}

// With pages that are as small as can be.
func TestConformanceStingy(t *testing.T) {
	size.Need(t, size.Long)
	t.Parallel()
	storetest.Run(t, newHome(t).places(t, storetest.Stingy))
}

// Inside a transaction of a host.
func TestConformanceIn(t *testing.T) {
	t.Parallel()
	storetest.RunIn(t, newHome(t).places(t, plainly))
}

func TestConformanceInBouncer(t *testing.T) {
	size.Need(t, size.Long)
	t.Parallel()
	pgtest.Require(t)
	b := pgtest.Shared(t).Bouncer(t, 4)
	storetest.RunIn(t, newHome(t).through(b).places(t, plainly))
}

// Handles that share nothing but the database: two pools, and a pool beside one that goes
// through PgBouncer.
func TestHistories(t *testing.T) {
	h := newHome(t)
	histories.Run(t, func() (store.Store, error) { return h.open(t, nil), nil },
		&histories.Options{Histories: size.Pick(t, 2, 15, 50)})
}

func TestHistoriesBouncer(t *testing.T) {
	direct := newHome(t)
	homes := []home{direct, direct.through(pgtest.Shared(t).Bouncer(t, 4))}
	histories.Run(t, func() (store.Store, error) {
		h := homes[0]
		homes = homes[1:]
		return h.open(t, nil), nil
	}, &histories.Options{Histories: size.Pick(t, 1, 10, 50)})
}

func TestHistoriesHavePower(t *testing.T) {
	size.Need(t, size.Long)
	h := newHome(t)
	histories.MutantCaught(t, func() (store.Store, error) { return h.open(t, nil), nil }, nil)
}
