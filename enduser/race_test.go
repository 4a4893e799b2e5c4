//go:build race

package enduser

const raceEnabled = true
