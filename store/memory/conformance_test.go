package memory_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/storetest"
)

var (
	_ storetest.Damager   = memory.Damager{}
	_ storetest.Corrupter = memory.Damager{}
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func() (storetest.Place, error) {
		s := memory.Damager{Store: memory.New(nil)}
		return storetest.Place{Open: func() (store.Store, error) { return s, nil }}, nil
	})
}
