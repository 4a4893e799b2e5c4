package sqlite_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/histories"
	"github.com/rollbook-go/rollbook/store"
)

func TestHistories(t *testing.T) {
	path := file(t)
	handle := func() (store.Store, error) { return open(t, path, nil), nil }
	histories.Run(t, handle, &histories.Options{Histories: times(20, 2)})
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
	histories.Run(t, handle, &histories.Options{Histories: times(5, 1)})
}

func TestHistoriesHavePower(t *testing.T) {
	path := file(t)
	histories.MutantCaught(t, func() (store.Store, error) { return open(t, path, nil), nil }, nil)
}
