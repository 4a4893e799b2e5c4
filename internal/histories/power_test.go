package histories

import (
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Each mutant has to show in 99 of 100 single histories: a checker that misses
// known races says nothing about unknown ones.
func TestPower(t *testing.T) {
	const seeds, required = 100, 99
	for _, mutant := range mutants {
		t.Run(mutant.name, func(t *testing.T) {
			s := memory.New()
			handles := [2]store.Store{mutant.wrong(s), mutant.wrong(s)}
			n := 0
			for seed := range uint64(seeds) {
				o := (&Options{Seed: seed + 1}).withDefaults()
				if caught(t, handles, o) {
					n++
				}
			}
			t.Logf("caught in %d of %d histories", n, seeds)
			if n < required {
				t.Errorf("caught in %d of %d histories, want %d", n, seeds, required)
			}
		})
	}
}
