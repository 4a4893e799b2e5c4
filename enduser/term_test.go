package enduser

import (
	"strings"
	"testing"
)

// An index term stays short whatever it is made of, and different texts keep
// different terms.
func TestCut(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for n := range 600 {
		for _, c := range []string{"a", "\u00e9"} {
			text := strings.Repeat(c, n)
			got := cut(text)
			if len(got) > 256 || (len(text) <= 256) != (got == text) {
				t.Errorf("cut of %d bytes has %d", len(text), len(got))
			}
			if other, dup := seen[got]; dup && other != text {
				t.Errorf("%d and %d bytes have one term", len(other), len(text))
			}
			seen[got] = text
		}
	}
}
