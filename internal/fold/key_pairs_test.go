package fold

import "testing"

const (
	same     = true
	distinct = false
)

// TestPairs says of pairs that people stumble over whether they are one ID. All are
// written as escapes where an editor could change them.
func TestPairs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		a, b string
		want bool
		why  string
	}{
		{"crm-7", "CRM-7", same, "ASCII case"},
		{"crm-7", "crm_7", distinct, "punctuation"},
		{"crm-7", "crm\u20107", distinct, "another hyphen"},
		{"crm-7", "crm7", distinct, "nothing is dropped"},
		{"a b", "a  b", distinct, "spaces count"},
		{"0", "O", distinct, "look-alikes"},
		{"1", "l", distinct, "look-alikes"},
		{"7", "\u0667", distinct, "digits of other scripts"},
		{"a", "\u0430", distinct, "Cyrillic a"},
		{"A", "\u0391", distinct, "Greek Alpha"},
		{"B", "\u0412", distinct, "Cyrillic Ve"},
		{"\u0391", "\u0410", distinct, "Greek and Cyrillic"},
		{"o", "\u03bf", distinct, "Greek omicron"},
		{"\u0430", "\u0410", same, "Cyrillic case"},
		{"\u0451", "\u0401", same, "Cyrillic io"},
		{"\u0451", "\u0435\u0308", same, "Cyrillic io, decomposed"},
		{"\u0451", "\u0435", distinct, "io is not ie"},

		{"\u00e9", "\u00c9", same, "e acute, case"},
		{"\u00e9", "e\u0301", same, "e acute, decomposed"},
		{"\u00c9", "e\u0301", same, "e acute, both"},
		{"\u00e9", "e", distinct, "accents count"},
		{"\u00e9", "\u00e8", distinct, "accents count"},
		{"\u1ec7", "e\u0323\u0302", same, "two marks"},
		{"\u1ec7", "e\u0302\u0323", same, "two marks in the other order"},
		{"\u1ec6", "\u00ea\u0323", same, "half composed, other case"},
		{"a\u0301\u0300", "a\u0300\u0301", distinct, "marks of one class keep their order"},
		{"\u00fc", "ue", distinct, "no transliteration"},
		{"\u00e5", "\u212b", same, "Angstrom is a canonical singleton"},
		{"\u00f8", "o\u0338", distinct, "o with stroke has no decomposition"},
		{"\u0111", "\u00f0", distinct, "d with stroke is not eth"},
		{"\u0110", "\u00d0", distinct, "their capitals look alike"},

		{"\u00df", "ss", distinct, "simple folding"},
		{"stra\u00dfe", "STRASSE", distinct, "simple folding"},
		{"\u00df", "\u1e9e", same, "capital sharp s"},
		{"\u0130", "i", distinct, "dotted capital I"},
		{"\u0130", "I", distinct, "dotted capital I"},
		{"\u0130", "I\u0307", same, "dotted capital I, decomposed"},
		{"\u0130", "i\u0307", same, "the small letter with a dot"},
		{"\u0131", "i", distinct, "dotless i"},
		{"\u0131", "I", distinct, "dotless i"},
		{"\u0130stanbul", "istanbul", distinct, "row 30"},
		{"k", "\u212a", same, "Kelvin is a canonical singleton"},
		{"K", "\u212a", same, "Kelvin is a canonical singleton"},
		{"\u03c9", "\u2126", same, "Ohm is a canonical singleton"},
		{";", "\u037e", same, "the Greek question mark is a canonical singleton"},
		{"\u00b7", "\u0387", same, "ano teleia is a canonical singleton"},
		{"\u00b5", "\u03bc", same, "micro sign (refused) and mu are of one orbit"},
		{"s", "\u017f", same, "long s (refused) is of the orbit of s"},

		{"\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3", same, "Sisyphos in capitals"},
		{"\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3", same, "Sisyphos without final sigma"},
		{"\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03a3\u03b9\u0301\u03c3\u03c5\u03c6\u03bf\u03c2", same, "Sisyphos, decomposed"},
		{"\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03a3\u03b9\u03c3\u03c5\u03c6\u03bf\u03c2", distinct, "Sisyphos without accent"},
		{"\u03c3", "\u03c2", same, "final sigma"},
		{"\u03b2", "\u03d0", same, "curled beta (refused) is of the orbit of beta"},
		{"\u03b1\u1f76", "\u1f70\u03b9", distinct, "the accent stands on another letter"},
		{"\u1fb3", "\u1fbc", same, "alpha with iota below"},
		{"\u1fb3", "\u03b1\u0345", same, "alpha with iota below, decomposed"},
		{"\u1fb3", "\u03b1\u03b9", same, "simple folding makes the iota below a letter"},
		{"\u1fb2", "\u1f70\u03b9", same, "grave alpha with iota below"},
		{"\u1fb2", "\u03b1\u1f76", distinct, "grave alpha with iota below"},
		{"\u0390", "\u1fd3", same, "two code points for one character"},
		{"\u03b0", "\u1fe3", same, "two code points for one character"},
		{"\u1fbe", "\u03b9", same, "prosgegrammeni is iota"},

		{"J\u030c", "\u01f0", same, "no capital of its own"},
		{"J\u030c", "j\u030c", same, "no capital of its own"},
		{"H\u0331", "\u1e96", same, "no capital of its own"},
		{"T\u0308", "\u1e97", same, "no capital of its own"},
		{"\u1e9b", "\u1e61", same, "long s with dot (refused)"},
		{"\u1e61", "S\u0307", same, "s with dot"},
		{"\u01c6", "\u01c5", same, "title case (refused)"},
		{"\u01c6", "d\u017e", distinct, "a digraph is not two letters"},
		{"\ufb01", "fi", distinct, "a ligature (refused) is not two letters"},
		{"\u00e6", "ae", distinct, "ash is a letter"},

		{"\u13a0", "\uab70", same, "Cherokee, row 34"},
		{"\u13f0", "\u13f8", same, "Cherokee"},
		{"\u10d0", "\u1c90", same, "Georgian"},
		{"\u10a0", "\u2d00", same, "Georgian, old"},
		{"\u10d0", "\u10a0", distinct, "two Georgian alphabets"},
		{"\u0565\u0582", "\u0587", distinct, "the Armenian ligature (refused)"},
		{"\U00010400", "\U00010428", same, "Deseret, beyond 16 bits"},
		{"\U0001e900", "\U0001e922", same, "Adlam"},
		{"\u1c80", "\u0432", same, "rounded Ve is of the orbit of Ve"},
		{"\ua64b", "\u1c88", same, "an orbit of three"},

		{"\uac00", "\u1100\u1161", same, "Hangul, decomposed"},
		{"\uac01", "\uac00\u11a8", same, "Hangul, half composed"},
		{"\uac00", "\uac01", distinct, "Hangul"},
		{"\u304c", "\u304b\u3099", same, "kana with a mark"},
		{"\u304b", "\u30ab", distinct, "hiragana and katakana"},
		{"\u8c48", "\uf900", same, "a CJK singleton"},
		{"\u4e00", "\u30fc", distinct, "look-alikes"},
		{"\u0928\u093c", "\u0929", same, "Devanagari, decomposed"},
		{"\u0915\u093c", "\u0958", same, "Devanagari, not recomposed"},
		{"\u05e9\u05c1", "\ufb2a", same, "Hebrew, not recomposed"},
		{"\u0627\u0653", "\u0622", same, "Arabic, decomposed"},
		{"\u06cc", "\u064a", distinct, "two kinds of yeh"},
		{"\u2260", "=\u0338", same, "a symbol, decomposed"},
		{"\U0001f600", "\U0001f601", distinct, "emoji"},
	} {
		if got := Key(row.a) == Key(row.b); got != row.want {
			t.Errorf("%+q and %+q: the same: %t, want %t (%s)", row.a, row.b, got, row.want, row.why)
		}
		if a, b := "x-"+row.a+"-1", "x-"+row.b+"-1"; (Key(a) == Key(b)) != row.want {
			t.Errorf("%+q and %+q: the same: %t, want %t (%s)", a, b, !row.want, row.want, row.why)
		}
	}
}

// Every pair of the table in which a spelling is said to be refused is.
func TestRefusedSpellings(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"\u017f", "\u00b5", "\u03d0", "\u1e9b", "\u01c5", "\u01c6", "\ufb01", "\u0587"} {
		if got := Identifier("x" + s); got != Character {
			t.Errorf("%+q: fault %d, want %d", s, got, Character)
		}
	}
}
