package apitest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
)

// Ledger remembers which operation was answered with which status, so that a test
// of a client can tell that it met all that is documented and nothing else. The zero
// Ledger is empty; it may be used by several goroutines at once.
type Ledger struct {
	mu  sync.Mutex
	met map[string]map[int]bool
}

// Add records an answer.
func (l *Ledger) Add(operation string, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.met == nil {
		l.met = make(map[string]map[int]bool)
	}
	if l.met[operation] == nil {
		l.met[operation] = make(map[int]bool)
	}
	l.met[operation][status] = true
}

// Check compares what was met with the statuses that are documented for each
// operation. A status that was never met is an error, and so are a status and an
// operation that are not documented.
func (l *Ledger) Check(tb testing.TB, documented map[string][]int) {
	tb.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fault := range l.faults(documented) {
		tb.Error(fault)
	}
}

func (l *Ledger) faults(documented map[string][]int) []string {
	var faults []string
	for _, operation := range sorted(documented) {
		for _, status := range documented[operation] {
			if !l.met[operation][status] {
				faults = append(faults, fmt.Sprintf("%s was never answered with %d", operation, status))
			}
		}
		for _, status := range slices.Sorted(maps.Keys(l.met[operation])) {
			if !slices.Contains(documented[operation], status) {
				faults = append(faults, fmt.Sprintf("%s was answered with %d, which is not documented", operation, status))
			}
		}
	}
	for _, operation := range sorted(l.met) {
		if _, ok := documented[operation]; !ok {
			faults = append(faults, operation+" is not documented")
		}
	}
	return faults
}
