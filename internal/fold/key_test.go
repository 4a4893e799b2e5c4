package fold

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// eachScalar calls f for every Unicode scalar value, on all processors, or for a
// part of them in a quick run.
func eachScalar(t *testing.T, f func(r rune)) {
	t.Helper()
	step, count := rune(1), 0
	if size.At(t) < size.Long {
		step = 7 // prime, so that it does not fall in step with the case pairs
	}
	for r := rune(0); r <= unicode.MaxRune; r += step {
		if utf8.ValidRune(r) {
			count++
		}
	}
	if step == 1 && count != 1_112_064 {
		t.Fatalf("%d scalar values", count)
	}
	const chunk = 1 << 12
	var next sync.Mutex
	from := rune(0)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				next.Lock()
				begin := from
				from += chunk
				next.Unlock()
				if begin > unicode.MaxRune || t.Failed() {
					return
				}
				for r := begin; r < begin+chunk && r <= unicode.MaxRune; r++ {
					if r%step == 0 && utf8.ValidRune(r) {
						f(r)
					}
				}
			}
		})
	}
	wg.Wait()
}

// keyFault says which property of a comparison key does not hold for s, or "".
func keyFault(s string) string {
	key := Key(s)
	switch {
	case !utf8.ValidString(key):
		return "the key is not valid UTF-8"
	case key != s && Key(key) != key:
		return "not idempotent"
	case !norm.NFC.IsNormalString(key):
		return "the key is not in normal form C"
	}
	for _, form := range []norm.Form{norm.NFC, norm.NFD} {
		if other := form.String(s); other != s && Key(other) != key {
			return "a canonically equivalent spelling has another key"
		}
	}
	return ""
}

func TestKeyOfEveryScalar(t *testing.T) {
	t.Parallel()
	eachScalar(t, func(r rune) {
		s := string(r)
		if fault := keyFault(s); fault != "" {
			t.Errorf("%U: %s", r, fault)
		}
		key := Key(s)
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			if Key(string(next)) != key {
				t.Errorf("%U and %U are of one orbit and have two keys", r, next)
			}
		}
		// Where it stands does not matter to what folds.
		if next := unicode.SimpleFold(r); next != r && Key("x"+s+"y") != Key("X"+string(next)+"Y") {
			t.Errorf("%U and %U differ inside a string", r, next)
		}
	})
}

// A letter has one key in all its cases whichever mark follows: J̌ has a small
// letter as one character, the capital has none. That is where folding before
// decomposing fails.
func TestKeyOfEveryLetterWithEveryMark(t *testing.T) {
	t.Parallel()
	var marks []string
	for r := rune(0x300); r <= 0x36f; r++ {
		if r != 0x34f { // the grapheme joiner is no accent
			marks = append(marks, string(r))
		}
	}
	letters, pairs := 0, 0
	for r := rune(0); r <= lastCased; r++ {
		next := nextCase(r)
		if next == r || unicode.IsMark(r) {
			continue
		}
		letters++
		if size.At(t) < size.Long && letters%7 != 0 {
			continue
		}
		for _, mark := range marks {
			pairs++
			a, b := string(r)+mark, string(next)+mark // all of an orbit, pair by pair
			key := Key(a)
			if Key(b) != key {
				t.Errorf("%+q and %+q differ", a, b)
			}
			if composed := norm.NFC.String(a); composed != a && Key(composed) != key {
				t.Errorf("%+q and %+q differ", a, composed)
			}
			if Key(key) != key {
				t.Errorf("%+q: not idempotent", a)
			}
		}
	}
	if len(marks) != 111 || letters < 2793 {
		t.Errorf("%d letters and %d marks", letters, len(marks))
	}
	t.Logf("%d letters, %d marks, %d pairs", letters, len(marks), pairs)
}

// lastCased is behind all that folds or decomposes, save some ideographs.
const lastCased = 0x1ffff

// nextCase returns the next rune of an orbit that is no mark: a mark cannot stand
// for a letter wherever the letter stands.
func nextCase(r rune) rune {
	next := unicode.SimpleFold(r)
	for next != r && unicode.IsMark(next) {
		next = unicode.SimpleFold(next)
	}
	return next
}

// otherCase replaces each rune by the next of its orbit.
func otherCase(s string) string { return strings.Map(nextCase, s) }

// folds reports whether all cases of s must have one key: a mark that folds to a
// letter moves when it stands among other marks, so it is left out.
func folds(s string) bool { return !strings.ContainsRune(norm.NFD.String(s), '\u0345') }

func TestKeyOfRandomStrings(t *testing.T) {
	t.Parallel()
	n := 200_000
	if size.At(t) < size.Long {
		n = 10_000
	}
	// A generator of our own: rapid would take minutes for as many.
	state := uint64(0x9e3779b97f4a7c15)
	random := func(below int) int {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		return int(state % uint64(below))
	}
	var cased, composed []rune
	for r := rune(0); r <= lastCased; r++ {
		if unicode.SimpleFold(r) != r {
			cased = append(cased, r)
		}
		if utf8.ValidRune(r) && norm.NFD.String(string(r)) != string(r) {
			composed = append(composed, r)
		}
	}
	for range n {
		var b strings.Builder
		for range 1 + random(6) {
			var r rune
			switch random(4) {
			case 0:
				r = cased[random(len(cased))]
			case 1:
				r = composed[random(len(composed))]
			case 2:
				r = 0x300 + rune(random(0x70))
			default:
				r = rune(random(unicode.MaxRune + 1))
			}
			b.WriteRune(r) // a surrogate becomes U+FFFD
		}
		s := b.String()
		if fault := keyFault(s); fault != "" {
			t.Fatalf("%+q: %s", s, fault)
		}
		if folds(s) && Key(otherCase(s)) != Key(s) {
			t.Fatalf("%+q and %+q differ", s, otherCase(s))
		}
	}
}

// The way for ASCII is a short cut, not another rule.
func TestKeyOfASCII(t *testing.T) {
	t.Parallel()
	slow := func(s string) string {
		// A letter that is not ASCII makes Key take the long way.
		key, ok := strings.CutSuffix(Key(s+"\u03a9"), "\u03a9")
		if !ok {
			t.Errorf("the key of %q lost its end", s)
		}
		return key
	}
	for c := range utf8.RuneSelf {
		s := string(rune(c))
		key, ok := asciiKey(s)
		if !ok || key != slow(s) || key != Key(s) {
			t.Errorf("asciiKey(%q) = %q, %t; the long way gives %q", s, key, ok, slow(s))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.RuneFrom(nil, &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0, Hi: 0x7f, Stride: 1}}})).Draw(t, "s")
		key, ok := asciiKey(s)
		if !ok || key != slow(s) || len(key) != len(s) {
			t.Fatalf("asciiKey(%q) = %q, %t; the long way gives %q", s, key, ok, slow(s))
		}
		if strings.ToUpper(s) != key {
			t.Fatalf("asciiKey(%q) = %q, want capitals", s, key)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringN(1, -1, -1).Draw(t, "s")
		if _, ok := asciiKey(s); ok != IsASCII(s) {
			t.Fatalf("asciiKey(%q): %t", s, ok)
		}
	})
}

// No string, however broken, makes Key panic; what is not valid UTF-8 never
// reaches a store, but it reaches Key.
func FuzzCompareKey(f *testing.F) {
	for _, s := range []string{
		"", "crm-7", "Straße", "ΣΊΣΥΦΟΣ", "J\u030c", "\u01f0", "\u1fb3\u0300", "\u0345", "\xff\xfe", "a\xc3", "\ufffd",
		"\U0001d160", "\u1100\u1161\u11a8", "a" + strings.Repeat("\u0301", 40), "\u0130\u0131iI",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key := Key(s)
		if Identifier(s) == Fine && longestRun(s) <= 30 {
			if fault := keyFault(s); fault != "" {
				t.Fatalf("%+q: %s", s, fault)
			}
			if len(key) > 3*len(s) {
				t.Fatalf("the key of %+q is %d times as long", s, len(key)/len(s))
			}
			if folds(s) && Key(otherCase(s)) != key {
				t.Fatalf("%+q and %+q differ", s, otherCase(s))
			}
		}
		for _, word := range Words(s, MaxWords) {
			if word == "" {
				t.Fatalf("%+q has an empty word", s)
			}
		}
	})
}

// longestRun returns how many marks at most follow each other in s, decomposed.
// Beyond 30 x/text inserts joiners.
func longestRun(s string) int {
	longest, run := 0, 0
	for _, r := range norm.NFD.String(s) {
		if !unicode.IsMark(r) || r == '\u034f' {
			run = -1
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// Marks of different classes may stand in any order: canonically equivalent text,
// however many there are. TestLongRunsOfMarks has what follows for an ID.
func TestKeyOfReorderedMarks(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 10, 15} {
		above, below := strings.Repeat("\u0301", n), strings.Repeat("\u0323", n)
		if a, b := "a"+above+below, "a"+below+above; Key(a) != Key(b) {
			t.Errorf("%d marks: %+q and %+q differ", 2*n, a, b)
		}
	}
}

// x/text puts a joiner behind every 30 marks, in the order in which it finds them.
// An ID with that many must be refused, or its canonical equivalents be one ID.
func TestLongRunsOfMarks(t *testing.T) {
	t.Parallel()
	above, below := strings.Repeat("\u0301", 17), strings.Repeat("\u0323", 17)
	a, b := "a"+above+below, "a"+below+above
	joined := "a" + strings.Repeat("\u0301", 30) + "\u034f" + "\u0301"
	plain := "a" + strings.Repeat("\u0301", 31)
	allowed := func(s string) bool { return Identifier(s) == Fine }
	if allowed(a) && allowed(b) && Key(a) != Key(b) {
		t.Errorf("%+q and %+q are canonically equivalent, allowed, and two IDs", a, b)
	}
	if allowed(joined) && allowed(plain) && Key(joined) == Key(plain) {
		t.Errorf("%+q and %+q are different text, allowed, and one ID", joined, plain)
	}
}
