package fold

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fault says why a text is refused.
type Fault uint8

// The faults.
const (
	Fine      Fault = iota
	NotUTF8         // bytes that are not UTF-8
	Character       // a character that may not stand there
	Space           // white space at an end
)

// Identifier says why s cannot be an identifier that people compare, or Fine. It refuses
// rather than merges: what looks like something else never becomes a key.
func Identifier(s string) Fault {
	if fault := Text(s); fault != Fine {
		return fault
	}
	if s != strings.TrimFunc(s, unicode.IsSpace) {
		return Space
	}
	for _, r := range s {
		if r >= utf8.RuneSelf && (!visible(r) || !compatible(r)) {
			return Character
		}
	}
	if !IsASCII(s) && marksInARow(s) > MaxMarks {
		return Character
	}
	return Fine
}

// MaxMarks is how many marks may follow one another. Normalisation breaks longer
// runs up at 30 by inserting a character (UAX #15 section 12), which would give
// one text two keys.
const MaxMarks = 16

func marksInARow(s string) int {
	if !strings.ContainsFunc(s, unicode.IsMark) { // then each is of another composed character
		return 0
	}
	longest, run := 0, 0
	for _, r := range norm.NFD.String(s) {
		if !unicode.IsMark(r) {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// Text says why s cannot be a line of text for people, or Fine. Names need joiners and
// direction marks, so it refuses less than Identifier.
func Text(s string) Fault {
	if !utf8.ValidString(s) {
		return NotUTF8
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return Character
		}
	}
	return Fine
}

// visible reports whether r is an assigned character beyond ASCII that shows: no
// control, format, private use or surrogate code point, no white space, nothing
// that a font draws as nothing.
func visible(r rune) bool {
	const brailleBlank = '\u2800'
	return r != brailleBlank &&
		unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// compatible reports whether r has no compatibility mapping: full-width forms,
// ligatures, superscripts and their like have one.
func compatible(r rune) bool {
	var buf [utf8.UTFMax]byte
	b := buf[:utf8.EncodeRune(buf[:], r)]
	return norm.NFKC.IsNormal(b) || string(norm.NFKC.Bytes(b)) == string(norm.NFC.Bytes(b))
}

// Len counts the characters of s after composition.
func Len(s string) int {
	if IsASCII(s) {
		return len(s)
	}
	return utf8.RuneCountInString(norm.NFC.String(s))
}

// IsASCII reports whether s has no byte beyond ASCII.
func IsASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// MaxWords is the most words that Words returns.
const MaxWords = 16

// Words splits a name at everything but letters, digits and marks and returns the
// keys of its words, each once, at most limit and [MaxWords].
func Words(name string, limit int) []string { return slices.Collect(EachWord(name, limit)) }

// EachWord yields what Words returns.
func EachWord(name string, limit int) iter.Seq[string] {
	return func(yield func(string) bool) {
		var seen [MaxWords]string
		n := 0
		for word := range strings.FieldsFuncSeq(norm.NFC.String(name), separates) {
			key := Key(word)
			if slices.Contains(seen[:n], key) {
				continue
			}
			if n == min(limit, len(seen)) || !yield(key) {
				return
			}
			seen[n] = key
			n++
		}
	}
}

func separates(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
}
