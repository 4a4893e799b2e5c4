package enduser

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
	const ok = ""
	for _, row := range []struct{ s, want string }{
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

		{"\xff", CodeUTF8},
		{"a\xc3", CodeUTF8},
		{"\xed\xa0\x80", CodeUTF8},
		{"\xc0\x80", CodeUTF8},
		{"\xf4\x90\x80\x80", CodeUTF8},
		{"\x00", CodeCharacter},
		{"a\x00b", CodeCharacter},
		{"a\tb", CodeCharacter},
		{"a\nb", CodeCharacter},
		{"a\rb", CodeCharacter},
		{"\x1f", CodeCharacter},
		{"\x7f", CodeCharacter},
		{"\u0080", CodeCharacter},
		{"\u0085", CodeCharacter},
		{"\u009f", CodeCharacter},
		{"a\n", CodeCharacter}, // a control, before it is space

		{" a", CodeSpace},
		{"a ", CodeSpace},
		{" ", CodeSpace},
		{"\u00a0a", CodeSpace},
		{"a\u00a0", CodeSpace},
		{"a\u3000", CodeSpace},
		{"\u2003a", CodeSpace},
		{"a\u1680", CodeSpace},
		{"a\u202f", CodeSpace},
		{"a\u205f", CodeSpace},
		{"a\u00a0b", CodeCharacter},
		{"a\u2003b", CodeCharacter},
		{"a\u3000b", CodeCharacter},
		{"a\u202fb", CodeCharacter},
		{"a\u2028b", CodeCharacter},
		{"a\u2029b", CodeCharacter},

		{"a\u202eb", CodeCharacter},
		{"a\u202ab", CodeCharacter},
		{"a\u2066b", CodeCharacter},
		{"a\u2069b", CodeCharacter},
		{"a\u200eb", CodeCharacter},
		{"a\u200fb", CodeCharacter},
		{"a\u061cb", CodeCharacter},
		{"a\u200db", CodeCharacter},
		{"a\u200cb", CodeCharacter},
		{"a\u200bb", CodeCharacter},
		{"a\u2060b", CodeCharacter},
		{"a\u00adb", CodeCharacter},
		{"a\ufeffb", CodeCharacter},
		{"\ufeffa", CodeCharacter},
		{"a\U000e0041", CodeCharacter},
		{"a\ufff9b", CodeCharacter},
		{"a\u180eb", CodeCharacter},
		{"\u0600", CodeCharacter}, // Arabic number sign: a format character

		{"\u0378", CodeCharacter},
		{"\ue000", CodeCharacter},
		{"\U000f0000", CodeCharacter},
		{"\U0010ffff", CodeCharacter},
		{"\ufffe", CodeCharacter},
		{"\uffff", CodeCharacter},
		{"\ufdd0", CodeCharacter},
		{"\ufffd", CodeCharacter},
		{"a\U0001fffe", CodeCharacter},

		{"\uff21", CodeCharacter},
		{"\uff41", CodeCharacter},
		{"\uff11", CodeCharacter},
		{"\uff20", CodeCharacter},
		{"\ufb01", CodeCharacter},
		{"\ufb00", CodeCharacter},
		{"\u2460", CodeCharacter},
		{"x\u00b2", CodeCharacter},
		{"x\u2082", CodeCharacter},
		{"\u017f", CodeCharacter},
		{"\u1e9b", CodeCharacter},
		{"\u00bd", CodeCharacter},
		{"\u2122", CodeCharacter},
		{"\u2163", CodeCharacter},
		{"\u00aa", CodeCharacter},
		{"\u00b5", CodeCharacter},
		{"\u01c4", CodeCharacter},
		{"\u0149", CodeCharacter},
		{"\u3392", CodeCharacter},
		{"\ufdfa", CodeCharacter},
		{"\u2026", CodeCharacter},
		{"\u2025", CodeCharacter},
		{"\U0001d400", CodeCharacter},
		{"\u212c", CodeCharacter},
		{"\uff76", CodeCharacter},
		{"\u3131", CodeCharacter},
		{"\u3164", CodeCharacter},
		{"\uffa0", CodeCharacter},
		{"\u00a8", CodeCharacter},
	} {
		if got := identifierFault(row.s); got != row.want {
			t.Errorf("identifierFault(%+q) = %q, want %q", row.s, got, row.want)
		}
	}
}

// The package doc promises that invisible characters are not admitted. Unicode has
// a property for them; not all are format characters.
func TestIdentifiersHaveNoInvisibleCharacters(t *testing.T) {
	t.Parallel()
	var admitted []rune
	for r := rune(0x80); r <= 0xe0fff; r++ { // the property ends there
		if !utf8.ValidRune(r) || !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Cf) {
			continue
		}
		if identifierFault("a"+string(r)+"b") == "" {
			admitted = append(admitted, r)
		}
	}
	if len(admitted) > 0 {
		t.Errorf("%d default-ignorable code points are admitted: %U…", len(admitted), admitted[:min(8, len(admitted))])
	}
	if identifierFault("crm-7\ufe0f") == "" && compareKey("crm-7\ufe0f") != compareKey("crm-7") {
		t.Error("\"crm-7\" and \"crm-7\\ufe0f\" look the same, are admitted, and are two IDs")
	}
	if identifierFault("\u2800") == "" {
		t.Error("an ID of nothing but a Braille blank is admitted")
	}
}

// Whether text is admitted does not depend on how it is composed.
func TestIdentifierFaultOfCanonicalEquivalents(t *testing.T) {
	t.Parallel()
	eachScalar(t, func(r rune) {
		s := "x" + string(r) + "x"
		for _, form := range []norm.Form{norm.NFC, norm.NFD} {
			if other := form.String(s); other != s && identifierFault(other) != identifierFault(s) {
				t.Errorf("%+q: %q, %+q: %q", s, identifierFault(s), other, identifierFault(other))
			}
		}
	})
}

// What is admitted is made of what is admitted: no code point depends on its
// neighbors, but for spaces at the ends.
func TestIdentifierFaultIsLocal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		runes := rapid.SliceOfN(rapid.Rune(), 0, 8).Draw(t, "runes")
		want := ""
		for _, r := range runes {
			if identifierFault("x"+string(r)+"x") != "" {
				want = CodeCharacter
			}
		}
		if got := identifierFault("x" + string(runes) + "x"); got != want {
			t.Fatalf("identifierFault(%+q) = %q, want %q", string(runes), got, want)
		}
	})
}

func TestTextFault(t *testing.T) {
	t.Parallel()
	const ok = ""
	for _, row := range []struct{ s, want string }{
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
		{"\xff", CodeUTF8},
		{"a\xc3", CodeUTF8},
		{"\xed\xa0\x80", CodeUTF8},
		{"a\x00\xff", CodeUTF8},
		{"\x00", CodeCharacter},
		{"a\nb", CodeCharacter},
		{"a\tb", CodeCharacter},
		{"a\x7f", CodeCharacter},
		{"a\u0085b", CodeCharacter},
		{"a\x1b[31m", CodeCharacter},
		{"a\u2028b", CodeCharacter},
		{"a\u2029b", CodeCharacter},
		{"\ufffd", CodeCharacter},
		{"a\r\nBcc: x@y", CodeCharacter},
	} {
		if got := textFault(row.s); got != row.want {
			t.Errorf("textFault(%+q) = %q, want %q", row.s, got, row.want)
		}
	}
	eachScalar(t, func(r rune) { // what is no text is no identifier
		if s := "x" + string(r) + "x"; textFault(s) != "" && identifierFault(s) == "" {
			t.Errorf("%U may stand in an ID, but not in text", r)
		}
	})
}

// The sentence that goes with a code must be true of what it is about.
func TestTextMessageOfNames(t *testing.T) {
	t.Parallel()
	p := Policy{}.withDefaults()
	var v violations
	p.checkName(&v, Field{Name: "name"}, "a\nb")
	if len(v) != 1 || v[0].Code != CodeCharacter {
		t.Fatalf("violations %v", v)
	}
	for _, untrue := range []string{"invisible", "unassigned", "compatibility"} {
		if strings.Contains(v[0].Message, untrue) {
			t.Errorf("a name may contain %s characters, but its message is %q", untrue, v[0].Message)
		}
	}
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
		if got := length(row.s); got != row.want {
			t.Errorf("length(%+q) = %d, want %d", row.s, got, row.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if a, b := length(norm.NFC.String(s)), length(norm.NFD.String(s)); a != b {
			t.Fatalf("%+q: length %d composed, %d decomposed", s, a, b)
		}
	})
}
