package size_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/size"
)

func TestPick(t *testing.T) {
	for value, want := range map[string]int{"": 1, "long": 20, "soak": 300} {
		t.Setenv("ROLLBOOK_TESTS", value)
		if got := size.Pick(t, 1, 20, 300); got != want {
			t.Errorf("ROLLBOOK_TESTS=%s: %d, want %d", value, got, want)
		}
	}
}

func TestNeed(t *testing.T) {
	t.Setenv("ROLLBOOK_TESTS", "long")
	size.Need(t, size.Long) // must not skip
	ran := false
	if !t.Run("soak", func(t *testing.T) {
		size.Need(t, size.Soak)
		ran = true
	}) {
		t.Error("a test that is skipped must not fail")
	}
	if ran {
		t.Error("a test for soak ran with long")
	}
	if t.Skipped() {
		t.Error("a test for long was skipped with long")
	}
}
