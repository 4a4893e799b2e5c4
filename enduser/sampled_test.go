package enduser

import "testing"

// sampled reports whether the exhaustive tests shall do with a part: with -short,
// and under the race detector, which makes them ten times as slow and has nothing
// to find in pure functions.
func sampled() bool { return raceEnabled || testing.Short() }
