//go:build !race

package enduser

const raceEnabled = false
