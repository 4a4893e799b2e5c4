package redis_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/histories"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	"github.com/rollbook-go/rollbook/store/storetest"
)

func TestConformance(t *testing.T) {
	if size.At(t) == size.Quick { // in full it would hold up the elections of the tests beside it
		t.Parallel()
	}
	everywhere(t, func(t *testing.T, b backend) { storetest.Run(t, b.place) })
}

func TestHistories(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		prefix := b.prefix(t)
		open := func() (store.Store, error) { return b.open(t, &redisstore.Options{Prefix: prefix}), nil }
		histories.Run(t, open, &histories.Options{Histories: 3})
		histories.MutantCaught(t, open, nil)
	})
}
