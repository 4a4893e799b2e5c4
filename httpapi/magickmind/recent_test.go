package magickmind

import (
	"strconv"
	"testing"
	"time"
)

// TestRecent: an entry lives for a span after its last use, unless too many others were used
// since. The number of entries is bounded.
func TestRecent(t *testing.T) {
	t.Parallel()
	const most, span = 10, time.Minute
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := recent[int]{span: span, most: most}
	use := func(name string) *int {
		v := r.of(keyOf(name), now)
		*v++
		if n := len(r.young) + len(r.old); n > 2*most {
			t.Fatalf("%d entries", n)
		}
		return v
	}
	use("used")
	for i := range 20 * most {
		use(strconv.Itoa(i))
		if i%(most-1) == 0 {
			use("used")
		}
	}
	if n := *use("used"); n != 25 {
		t.Errorf("an entry in use was used %d times", n)
	}
	if *use("0") != 1 {
		t.Error("an entry was kept though many others were used since")
	}
	now = now.Add(span - 1)
	use("used")
	now = now.Add(span - 1) // which makes all of them old
	if n := *use("used"); n != 27 {
		t.Errorf("an entry was forgotten within its span: %d", n)
	}
	r.forget(keyOf("used"))
	if *use("used") != 1 {
		t.Error("forget forgot nothing")
	}
	now = now.Add(2 * span)
	if *use("used") != 1 || len(r.young) != 1 || len(r.old) != 0 {
		t.Error("an entry was kept beyond its span")
	}
}
