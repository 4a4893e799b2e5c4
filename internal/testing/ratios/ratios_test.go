package ratios_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/ratios"
)

func TestReport(t *testing.T) {
	t.Parallel()
	got := testing.Benchmark(func(b *testing.B) {
		b.Helper()
		var r ratios.Set
		for _, v := range []float64{4, 1, 2, 3} {
			r.Add("x-other", v)
		}
		r.Add("x-one", 7)
		r.Report(b)
	}).Extra
	for unit, want := range map[string]float64{
		"x-other": 2.5, "x-other-min": 1, "x-other-max": 4,
		"x-one": 7, "x-one-min": 7, "x-one-max": 7,
	} {
		if got[unit] != want {
			t.Errorf("%s: got %v, want %v", unit, got[unit], want)
		}
	}
}

func TestPasses(t *testing.T) {
	t.Setenv("ROLLBOOK_PASSES", "")
	if got := ratios.Passes(t); got != 5 {
		t.Errorf("by default: %d", got)
	}
	t.Setenv("ROLLBOOK_PASSES", "2")
	if got := ratios.Passes(t); got != 2 {
		t.Errorf("with 2: %d", got)
	}
}
