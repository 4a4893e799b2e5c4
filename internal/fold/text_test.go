package fold

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestIdentifierFault(t *testing.T) {
	t.Parallel()
	const ok = Fine
	for _, row := range []struct {
		s    string
		want Fault
	}{
		{"", ok}, // whether it may be missing is asked elsewhere
		{"crm-7", ok},
		{"a b  c", ok},
		{"../x", ok},
		{"a/b", ok},
		{"%2e%2e", ok},
		{"'; DROP TABLE users", ok},
		{"{a}b", ok},
		{"a\\b", ok},
		{"*", ok},
		{"Zo\u00eb", ok},
		{"Zoe\u0308", ok},
		{"\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", ok},
		{"\u540d\u524d", ok},
		{"\u0928\u092e\u0938\u094d\u0924\u0947", ok},
		{"\U0001f600", ok},
		{"\u20ac", ok},
		{"\u212a", ok},
		{"\u2126", ok},
		{"\u0130", ok},
		{"\u00df", ok},
		{"\u1e9e", ok},
		{"\u13a0", ok},
		{"\uab70", ok},
		{"\u0430", ok},
		{"\u0663", ok},

		{"\xff", NotUTF8},
		{"a\xc3", NotUTF8},
		{"\xed\xa0\x80", NotUTF8},
		{"\xc0\x80", NotUTF8},
		{"\xf4\x90\x80\x80", NotUTF8},
		{"\x00", Character},
		{"a\x00b", Character},
		{"a\tb", Character},
		{"a\nb", Character},
		{"a\rb", Character},
		{"\x1f", Character},
		{"\x7f", Character},
		{"\u0080", Character},
		{"\u0085", Character},
		{"\u009f", Character},
		{"a\n", Character}, // a control, before it is space

		{" a", Space},
		{"a ", Space},
		{" ", Space},
		{"\u00a0a", Space},
		{"a\u00a0", Space},
		{"a\u3000", Space},
		{"\u2003a", Space},
		{"a\u1680", Space},
		{"a\u202f", Space},
		{"a\u205f", Space},
		{"a\u00a0b", Character},
		{"a\u2003b", Character},
		{"a\u3000b", Character},
		{"a\u202fb", Character},
		{"a\u2028b", Character},
		{"a\u2029b", Character},

		{"a\u202eb", Character},
		{"a\u202ab", Character},
		{"a\u2066b", Character},
		{"a\u2069b", Character},
		{"a\u200eb", Character},
		{"a\u200fb", Character},
		{"a\u061cb", Character},
		{"a\u200db", Character},
		{"a\u200cb", Character},
		{"a\u200bb", Character},
		{"a\u2060b", Character},
		{"a\u00adb", Character},
		{"a\ufeffb", Character},
		{"\ufeffa", Character},
		{"a\U000e0041", Character},
		{"a\ufff9b", Character},
		{"a\u180eb", Character},
		{"\u0600", Character}, // Arabic number sign: a format character

		{"\u0378", Character},
		{"\ue000", Character},
		{"\U000f0000", Character},
		{"\U0010ffff", Character},
		{"\ufffe", Character},
		{"\uffff", Character},
		{"\ufdd0", Character},
		{"\ufffd", Character},
		{"a\U0001fffe", Character},

		{"\uff21", Character},
		{"\uff41", Character},
		{"\uff11", Character},
		{"\uff20", Character},
		{"\ufb01", Character},
		{"\ufb00", Character},
		{"\u2460", Character},
		{"x\u00b2", Character},
		{"x\u2082", Character},
		{"\u017f", Character},
		{"\u1e9b", Character},
		{"\u00bd", Character},
		{"\u2122", Character},
		{"\u2163", Character},
		{"\u00aa", Character},
		{"\u00b5", Character},
		{"\u01c4", Character},
		{"\u0149", Character},
		{"\u3392", Character},
		{"\ufdfa", Character},
		{"\u2026", Character},
		{"\u2025", Character},
		{"\U0001d400", Character},
		{"\u212c", Character},
		{"\uff76", Character},
		{"\u3131", Character},
		{"\u3164", Character},
		{"\uffa0", Character},
		{"\u00a8", Character},
	} {
		if got := Identifier(row.s); got != row.want {
			t.Errorf("Identifier(%+q) = %d, want %d", row.s, got, row.want)
		}
	}
}

// The package doc promises that invisible characters are not allowed. Unicode has
// a property for them; not all are format characters.
func TestIdentifiersHaveNoInvisibleCharacters(t *testing.T) {
	t.Parallel()
	var allowed []rune
	for r := rune(0x80); r <= 0xe0fff; r++ { // the property ends there
		if !utf8.ValidRune(r) || !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Cf) {
			continue
		}
		if Identifier("a"+string(r)+"b") == Fine {
			allowed = append(allowed, r)
		}
	}
	if len(allowed) > 0 {
		t.Errorf("%d default-ignorable code points are allowed: %U…", len(allowed), allowed[:min(8, len(allowed))])
	}
	if Identifier("crm-7\ufe0f") == Fine && Key("crm-7\ufe0f") != Key("crm-7") {
		t.Error("\"crm-7\" and \"crm-7\\ufe0f\" look the same, are allowed, and are two IDs")
	}
	if Identifier("\u2800") == Fine {
		t.Error("an ID of nothing but a Braille blank is allowed")
	}
}

// Whether text is allowed does not depend on how it is composed.
func TestIdentifierFaultOfCanonicalEquivalents(t *testing.T) {
	t.Parallel()
	eachScalar(t, func(r rune) {
		s := "x" + string(r) + "x"
		for _, form := range []norm.Form{norm.NFC, norm.NFD} {
			if other := form.String(s); other != s && Identifier(other) != Identifier(s) {
				t.Errorf("%+q: %d, %+q: %d", s, Identifier(s), other, Identifier(other))
			}
		}
	})
}

// What is allowed is made of what is allowed: no code point depends on its
// neighbors, but for spaces at the ends.
func TestIdentifierFaultIsLocal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		runes := rapid.SliceOfN(rapid.Rune(), 0, 8).Draw(t, "runes")
		want := Fine
		for _, r := range runes {
			if Identifier("x"+string(r)+"x") != Fine {
				want = Character
			}
		}
		if got := Identifier("x" + string(runes) + "x"); got != want {
			t.Fatalf("Identifier(%+q) = %d, want %d", string(runes), got, want)
		}
	})
}

func TestTextFault(t *testing.T) {
	t.Parallel()
	const ok = Fine
	for _, row := range []struct {
		s    string
		want Fault
	}{
		{"", ok},
		{" ", ok},
		{" Ann ", ok},
		{"Ann O'Neil-Smith, Jr.", ok},
		{"\u2122 \u00bd \ufb01", ok},
		{"a\u200db", ok},
		{"\u0d28\u0d4d\u200d", ok},
		{"\u202eevil", ok},
		{"a\u00adb", ok},
		{"\u0378", ok},
		{"\ue000", ok},
		{"\U0001f468\u200d\U0001f469\u200d\U0001f467", ok},
		{"\ufeffa", ok},
		{"a\u00a0b", ok},
		{"\xff", NotUTF8},
		{"a\xc3", NotUTF8},
		{"\xed\xa0\x80", NotUTF8},
		{"a\x00\xff", NotUTF8},
		{"\x00", Character},
		{"a\nb", Character},
		{"a\tb", Character},
		{"a\x7f", Character},
		{"a\u0085b", Character},
		{"a\x1b[31m", Character},
		{"a\u2028b", Character},
		{"a\u2029b", Character},
		{"\ufffd", Character},
		{"a\r\nBcc: x@y", Character},
	} {
		if got := Text(row.s); got != row.want {
			t.Errorf("Text(%+q) = %d, want %d", row.s, got, row.want)
		}
	}
	eachScalar(t, func(r rune) { // what is no text is no identifier
		if s := "x" + string(r) + "x"; Text(s) != Fine && Identifier(s) == Fine {
			t.Errorf("%U may stand in an ID, but not in text", r)
		}
	})
}

func TestLength(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		s    string
		want int
	}{
		{"", 0},
		{"abc", 3},
		{"\u00e9", 1},
		{"e\u0301", 1},
		{"\u1ec7", 1},
		{"e\u0302\u0323", 1},
		{"q\u0301", 2},
		{"\U0001f600", 1},
		{"\uac00", 1},
		{"\u1100\u1161", 1},
		{"\u0958", 2},
		{"\ufb2c", 3},
		{"\U0001d160", 3},
		{"\u212b", 1},
		{strings.Repeat("e\u0301", 36), 36},
		{strings.Repeat("\U0001d160", 12), 36},
	} {
		if got := Len(row.s); got != row.want {
			t.Errorf("Len(%+q) = %d, want %d", row.s, got, row.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if a, b := Len(norm.NFC.String(s)), Len(norm.NFD.String(s)); a != b {
			t.Fatalf("%+q: length %d composed, %d decomposed", s, a, b)
		}
	})
}
