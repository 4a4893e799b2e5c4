package fold

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Version stands in the kind of every comparison key that is stored. It goes up
// when Key gives another key to any string that is allowed, so that two ways
// of making keys never meet in one name space. Users written under an older version
// are found by their external ID and address again after [Tenant.Reindex].
const Version = "1"

// Key returns the form under which external IDs and e-mail addresses are
// compared: NFC(orbit(NFD(s))), where orbit maps a rune to the smallest member of
// its simple case folding orbit that is not a mark.
//
// Neither strings.ToLower (which misses ſ, ς and others, and merges İ with i) nor
// x/text's cases.Fold (golang/go#46101) has the two properties needed: that it is
// idempotent and that all members of an orbit, composed or not, get one key.
// Marks are left out because the orbit of iota has one (U+0345), and a mark moves
// in normalisation.
func Key(s string) string {
	if key, ok := asciiKey(s); ok {
		return key
	}
	decomposed := norm.NFD.String(s)
	folded := make([]byte, 0, len(decomposed)+utf8.UTFMax)
	for _, r := range decomposed {
		folded = utf8.AppendRune(folded, orbit(r))
	}
	return string(norm.NFC.Bytes(folded))
}

// asciiKey is Key for ASCII, where the orbit's smallest member is the
// capital letter.
func asciiKey(s string) (string, bool) {
	lower := false
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return "", false
		}
		lower = lower || ('a' <= c && c <= 'z')
	}
	if !lower {
		return s, true
	}
	key := []byte(s)
	for i, c := range key {
		if 'a' <= c && c <= 'z' {
			key[i] = c - ('a' - 'A')
		}
	}
	return string(key), true
}

func orbit(r rune) rune {
	smallest, found := r, !unicode.IsMark(r)
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		if !unicode.IsMark(next) && (!found || next < smallest) {
			smallest, found = next, true
		}
	}
	return smallest
}
