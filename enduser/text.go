package enduser

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// identifierFault says why s cannot be an identifier that people compare, or ""
// if it can. It refuses rather than merges: what would look or compare like
// something else never becomes a key.
func identifierFault(s string) string {
	if code := textFault(s); code != "" {
		return code
	}
	if s != strings.TrimFunc(s, unicode.IsSpace) {
		return CodeSpace
	}
	for _, r := range s {
		if r >= utf8.RuneSelf && (!visible(r) || !compatible(r)) {
			return CodeCharacter
		}
	}
	if !isASCII(s) && marksInARow(s) > maxMarks {
		return CodeCharacter
	}
	return ""
}

// maxMarks is how many marks may follow one another. Normalisation breaks longer
// runs up at 30 by inserting a character (UAX #15 section 12), which would give
// one text two keys.
const maxMarks = 16

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

// textFault says why s cannot be a line of text for people, or "". Names need
// joiners and direction marks, so it is milder than identifierFault.
func textFault(s string) string {
	if !utf8.ValidString(s) {
		return CodeUTF8
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return CodeCharacter
		}
	}
	return ""
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

// length counts the characters of s after composition.
func length(s string) int {
	if isASCII(s) {
		return len(s)
	}
	return utf8.RuneCountInString(norm.NFC.String(s))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// words splits a name at everything but letters, digits and marks and returns the
// comparison keys of its words, each once, at most limit.
func words(name string, limit int) []string { return slices.Collect(eachWord(name, limit)) }

// eachWord yields what words returns.
func eachWord(name string, limit int) iter.Seq[string] {
	return func(yield func(string) bool) {
		var seen [maxNameWords]string
		n := 0
		for word := range strings.FieldsFuncSeq(norm.NFC.String(name), separates) {
			key := compareKey(word)
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
