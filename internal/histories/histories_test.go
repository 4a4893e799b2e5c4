package histories_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/internal/histories"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func opener(s store.Store) func() (store.Store, error) {
	return func() (store.Store, error) { return s, nil }
}

func TestRun(t *testing.T) {
	histories.Run(t, opener(memory.New()), &histories.Options{Histories: 20})
}

func TestMutantCaught(t *testing.T) {
	histories.MutantCaught(t, opener(memory.New()), nil)
}
