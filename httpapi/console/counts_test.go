package console

import (
	"strconv"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// When all room is taken, one number makes room for another: a tenant with many must not take those
// of all others.
func TestCountsMakeRoom(t *testing.T) {
	t.Parallel()
	c := counts{all: make(map[countKey]remembered)}
	for i := range maxCounts {
		c.all[countKey{"other", enduser.Customer, strconv.Itoa(i)}] = remembered{}
	}
	acme, now := enduser.New(memory.New(nil), nil).Tenant("acme"), time.Now()
	if _, err := c.count(t.Context(), acme, "2026-05-04", enduser.Query{}, now, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.get(keyOf(acme, "2026-05-04"), now); !ok || len(c.all) != maxCounts {
		t.Errorf("kept: %v, of %d", ok, len(c.all))
	}
}
