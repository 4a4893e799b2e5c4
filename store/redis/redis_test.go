package redis_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/histories"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/storetest"
)

func TestConformance(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) { storetest.Run(t, b.place) })
}

func TestHistories(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		p, err := b.place()
		if err != nil {
			t.Fatal(err)
		}
		histories.Run(t, func() (store.Store, error) { return p.Open() }, &histories.Options{Histories: 3})
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestHistoriesCatchMutants(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		p, err := b.place()
		if err != nil {
			t.Fatal(err)
		}
		histories.MutantCaught(t, func() (store.Store, error) { return p.Open() }, nil)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}
