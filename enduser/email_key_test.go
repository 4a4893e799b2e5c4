package enduser

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/internal/fold"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"a@example.com": true, "a.b+c@example.com": true, "user@bücher.example": true, "用户@例え.テスト": true,
		`"john doe"@example.com`: true, `"a@b"@example.com`: true, `"a\"b"@example.com`: true, `"john"@example.com`: true,
		`"é x"@example.com`: true, "a@[127.0.0.1]": true, "user@bücher。example": true,

		"":  true, // none
		"a": false, "a@": false, "@b": false, "a b@example.com": false, "a@b@example.com": false, "@": false, `"a@example.com`: false,
		`"a" @example.com`: false, `"a"@example.com (c)`: false, `Ann <a@example.com>`: false, `"Ann" <a@example.com>`: false,
		`"a"b@example.com`: false, `"a""b"@example.com`: false, `"a\"@example.com`: false, "a@example.com.": false, `"a"@ example.com`: false,
		"a@example.com。": false, "a@。example.com": false, "a@。": false, "a@bücher．｡example": false, "a@\u00ad.example": false,
	} {
		var v violations
		if checkEmail(&v, address, maxEmail); (len(v) == 0) != want {
			t.Errorf("%q: %v, want %v", address, v.err(), want)
		}
	}
}

// Spellings of one mailbox have one key, and other mailboxes another.
func TestAddressKeys(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, same := range [][]string{
		{
			"user@bücher.example", "USER@BÜCHER.EXAMPLE", "user@bu\u0308cher.example", "user@xn--bcher-kva.example",
			"User@XN--BCHER-KVA.example", "user@bücher。example", `"user"@bücher.example`, " user@bücher.example ",
		},
		{"user@bucher.example"},
		{"user@straße.example", "user@xn--strae-oqa.example"},
		{"user@strasse.example", "user@STRASSE.example"},
		{"user@βόλος.example", "user@xn--nxasmm1c.example"},
		{"ü@example.com", "Ü@EXAMPLE.com", "u\u0308@example.com", `"ü"@example.com`},
		{"ü@bücher.example", "Ü@xn--bcher-kva.example"},
		{"john.doe@example.com", `"john.doe"@example.com`, `"john\.doe"@example.com`},
		{`"john doe"@example.com`, `"John\ Doe"@example.com`},
		{`"a\"b"@example.com`},
		{`"a\\b"@example.com`},
		{`"a@b"@example.com`},
		{"a@xn--x.example", "A@XN--x.example"}, // no A-label: a name like any other
		{"a@xn--x.bücher.example", "A@xn--x.bu\u0308cher.example"},
		{"a@\u2260.example", "a@=\u0338.example"},
		{"a@-ü-.example", "a@-Ü-。example", "a@-ü-．EXAMPLE", "a@-u\u0308-｡example"}, // no U-label
	} {
		first := emailKey(same[0]).Value
		for _, address := range same {
			if got := emailKey(address).Value; got != first {
				t.Errorf("%q has the key %q, %q has %q", address, got, same[0], first)
			}
		}
		if other, ok := seen[first]; ok {
			t.Errorf("%q and %q have the key %q", same[0], other, first)
		}
		seen[first] = same[0]
	}
}

// The key of an address is one that the store takes, is the same in any case and
// composition, and is that of what it stands for: its key.
func TestAddressKeysOfAnyText(t *testing.T) {
	t.Parallel()
	text := rapid.StringOfN(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune(`ab.@"\ üßς。-xn`))), 0, 80, -1)
	rapid.Check(t, func(t *rapid.T) {
		address := text.Draw(t, "local") + "@" + text.Draw(t, "domain")
		var v violations
		if checkEmail(&v, address, maxEmail); len(v) > 0 {
			return
		}
		key := emailKey(address).Value
		if len(key) > maxEmailKey {
			t.Fatalf("%q: the key has %d bytes", address, len(key))
		}
		if again := emailKey(key).Value; again != key {
			t.Fatalf("%q: the key of %q is %q", address, key, again)
		}
		if fold.IsASCII(address) && emailKey(strings.ToUpper(address)).Value != key {
			t.Fatalf("%q: another key in capital letters", address)
		}
	})
}

// A domain that is too long to be one costs no mapping.
func TestAddressKeysOfLongDomains(t *testing.T) {
	t.Parallel()
	for _, domain := range []string{strings.Repeat("ü", 300) + ".example", strings.Repeat("ü.", 4000) + "example"} {
		if got, want := asciiDomain(domain), domain; got != want {
			t.Errorf("a domain of %d bytes has the A-label %q", len(domain), got)
		}
	}
}
