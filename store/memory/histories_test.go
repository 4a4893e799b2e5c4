package memory_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/histories"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestHistories(t *testing.T) {
	s := memory.New(nil)
	open := func() (store.Store, error) { return s, nil }
	histories.Run(t, open, &histories.Options{Histories: 20})
	histories.MutantCaught(t, open, nil)
}
