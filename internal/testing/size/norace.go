//go:build !race

package size

// Race reports whether the race detector is on: it allocates, and makes a test five to
// fifteen times as slow.
const Race = false
