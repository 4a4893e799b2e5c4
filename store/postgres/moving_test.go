package postgres_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// TestMoving moves an installation through stores of all kinds, this one among them.
func TestMoving(t *testing.T) {
	size.Need(t, size.Long)
	runSuites(t, "internal/testing/moving/others_test.go", "moving.go", "", "-v", "./internal/testing/moving")
}
