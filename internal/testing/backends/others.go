package backends

import (
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// Kind is a kind of store. Open returns an empty one, which is closed at the end of the test.
type Kind struct {
	Name string
	Open func(testing.TB) store.Store
}

// Others are the kinds that tests run on instead of those of this module. There are none
// here: a module with a store of its own runs the tests of this one with another file in
// this one's place (go test -overlay). store/postgres does.
func Others() []Kind { return nil }
