package storetest

import (
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// onMap returns a place that is a fresh map store.
func onMap() (Place, error) {
	s := newMapStore()
	return Place{Open: func() (store.Store, error) { return s, nil }}, nil
}

func TestRunOnMapStore(t *testing.T) {
	t.Parallel()
	Run(t, onMap)
}
