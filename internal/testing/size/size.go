// Package size is the one switch for how much tests do.
//
// By default a test does enough to notice a mistake, so that `go test ./...` stays
// quick. The environment variable ROLLBOOK_TESTS asks for more:
//
//	ROLLBOOK_TESTS=long   exhaustive and random tests in full; .ci/run sets it
//	ROLLBOOK_TESTS=soak   fault tests for minutes each; make faults sets it
//
// It is a variable and not a flag because `go test ./...` refuses a flag that some of
// the packages do not define.
package size

import (
	"os"
	"testing"
)

// Level is how much tests do.
type Level int

// The levels, each of which includes those before it.
const (
	Quick Level = iota
	Long
	Soak
)

const variable = "ROLLBOOK_TESTS"

// At returns the level of this run. A test fails where the variable has another value
// than those above.
func At(tb testing.TB) Level {
	tb.Helper()
	switch v := os.Getenv(variable); v {
	case "":
		return Quick
	case "long":
		return Long
	case "soak":
		return Soak
	default:
		tb.Fatalf("%s=%s: want long, soak or nothing", variable, v)
		return Quick
	}
}

// Pick returns the value for the level of this run.
func Pick[T any](tb testing.TB, quick, long, soak T) T {
	tb.Helper()
	return [...]T{quick, long, soak}[At(tb)]
}

// Need skips a test that runs from a level on, and says how to run it.
func Need(tb testing.TB, level Level) {
	tb.Helper()
	if At(tb) < level {
		tb.Skipf("runs with %s=%s", variable, [...]string{"", "long", "soak"}[level])
	}
}
