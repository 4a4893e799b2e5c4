// Package ratios collects what a benchmark compares and reports it.
//
// Machines are noisy: a figure says as much about the hour as about the code. So a
// benchmark that compares two things measures both in one run, in turns, and adds one
// ratio for each pass:
//
//	var r ratios.Set
//	for range ratios.Passes(b) {
//		r.Add("x-pooled", perSecond(ours)/perSecond(pooled))
//	}
//	r.Report(b)
//
// The command bench/table makes one table of what such benchmarks report.
package ratios

import (
	"os"
	"slices"
	"strconv"
	"testing"
)

// The suffixes of the units under which Report shows the least and the greatest value.
const (
	Least    = "-min"
	Greatest = "-max"
)

// variable is one, not a flag, for the reason that package size gives.
const variable = "ROLLBOOK_PASSES"

// Passes returns how many passes a benchmark makes: 5, or what the environment variable
// ROLLBOOK_PASSES says.
func Passes(tb testing.TB) int {
	tb.Helper()
	value := os.Getenv(variable)
	if value == "" {
		return 5
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		tb.Fatalf("%s=%s: want a number from 1", variable, value)
	}
	return n
}

// Set is the values of a benchmark's units. The zero value is ready to use.
type Set struct{ values map[string][]float64 }

// Add adds the value of one pass. The unit has no spaces.
func (s *Set) Add(unit string, value float64) {
	if s.values == nil {
		s.values = make(map[string][]float64)
	}
	s.values[unit] = append(s.values[unit], value)
}

// Report reports the median of each unit, and its least and greatest value. It hides
// ns/op, which says nothing where a pass has a fixed length.
func (s *Set) Report(b *testing.B) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	for unit, values := range s.values {
		b.ReportMetric(Median(values), unit)
		b.ReportMetric(slices.Min(values), unit+Least)
		b.ReportMetric(slices.Max(values), unit+Greatest)
	}
}

// Median returns the middle of values, or the mean of the middle two. There is at least one.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
