package enduser

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store/memory"
)

// keyOf returns a key whose bytes follow from a text.
func keyOf(tb testing.TB, id, secret string) Key {
	tb.Helper()
	key, err := NewKey(id, sha256.Sum256([]byte(secret)))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// sealer returns a Manager that seals under the first key and opens with any.
func sealer(primary Key, others ...Key) *Manager {
	return New(memory.New(nil), &Options{Keyring: NewKeyring(primary, others...)})
}

// seal seals a text; sealing must not fail.
func seal(tb testing.TB, m *Manager, text string, p place) []byte {
	tb.Helper()
	sealed, err := m.seal(context.Background(), text, p)
	if err != nil {
		tb.Fatal(err)
	}
	return sealed
}

// refused checks that a text does not open, and that the error is one of some.
func refused(tb testing.TB, what string, m *Manager, sealed []byte, p place, want ...error) {
	tb.Helper()
	text, err := m.open(context.Background(), sealed, p)
	known := false
	for _, w := range want {
		known = known || errors.Is(err, w)
	}
	if text != "" || !known {
		tb.Errorf("%s: opened %q, %v; want one of %v", what, text, err, want)
	}
}

// places returns places that differ in one or several parts.
func places() []place {
	var all []place
	deadline := millis(1_800_000_000_000)
	for _, tenant := range []string{"a", "b", "t/a", "ab"} {
		for _, record := range []string{"u1", "u2", "bu1", "1"} {
			for _, field := range []string{"token", "sensitive.a", "sensitive.A", "1token"} {
				for _, until := range []time.Time{{}, deadline, deadline.Add(time.Millisecond), deadline.Add(-SensitiveTTL)} {
					all = append(all, place{tenant, record, field, until})
				}
			}
		}
	}
	return all
}

// glued returns places whose parts are the same text when they are glued together.
func glued() []place {
	return []place{
		{tenant: "ab", record: "c", field: "f"},
		{tenant: "a", record: "bc", field: "f"},
		{tenant: "a", record: "b", field: "cf"},
		{tenant: "abc", record: "", field: "f"},
		{tenant: "", record: "abc", field: "f"},
		{tenant: "a\x01", record: "b", field: "f"},
		{tenant: "a", record: "\x01b", field: "f"},
	}
}

// A text opens only at the place that it was sealed for, under every key.
func TestSealedTextsStayInTheirPlace(t *testing.T) {
	t.Parallel()
	first, second := keyOf(t, "k1", "one"), keyOf(t, "k2", "two")
	managers := []*Manager{sealer(first, second), sealer(second, first)}
	all := places()
	if size.Race || size.At(t) < size.Long {
		all = all[:96:96]
	}
	all = append(all, glued()...)
	cells := 0
	for i, m := range managers {
		for _, at := range all {
			sealed := seal(t, m, "s3cret", at)
			if id, _, err := sealedUnder(sealed); err != nil || id != []string{"k1", "k2"}[i] {
				t.Fatalf("sealed under %q, %v", id, err)
			}
			for _, elsewhere := range all {
				if elsewhere == at {
					if text, err := m.open(context.Background(), sealed, at); text != "s3cret" || err != nil {
						t.Fatalf("%+v: opened %q, %v", at, text, err)
					}
					continue
				}
				cells++
				refused(t, fmt.Sprintf("%+v at %+v", at, elsewhere), m, sealed, elsewhere, ErrCorrupt)
			}
		}
	}
	t.Logf("%d cells refused", cells)
}

// A sealed text is bound to the key's ID and the version too, even if the bytes of two
// keys are the same.
func TestSealedTextsStayUnderTheirKey(t *testing.T) {
	t.Parallel()
	m := sealer(keyOf(t, "k1", "one"), keyOf(t, "k2", "two"), keyOf(t, "k3", "one"), keyOf(t, "k", "one"), keyOf(t, "k12", "one"))
	at := place{tenant: "acme", record: "u1", field: "token"}
	sealed := seal(t, m, "s3cret", at)
	under := func(id string) []byte {
		out := append([]byte{sealVersion, byte(len(id))}, id...)
		return append(out, sealed[len("vlk1"):]...)
	}
	if text, err := m.open(t.Context(), under("k1"), at); text != "s3cret" || err != nil {
		t.Fatalf("opened %q, %v: the matrix would prove nothing", text, err)
	}
	refused(t, "another key", m, under("k2"), at, ErrCorrupt)
	refused(t, "another key of the same bytes", m, under("k3"), at, ErrCorrupt)
	refused(t, "a shorter ID", m, under("k"), at, ErrCorrupt)
	refused(t, "a longer ID", m, under("k12"), at, ErrCorrupt)
	refused(t, "a key that is not there", m, under("k9"), at, ErrNoKey)
	refused(t, "no ID", m, under(""), at, ErrNoKey)
	// Another keyring has other bytes under that ID.
	refused(t, "a false key", sealer(keyOf(t, "k1", "two")), sealed, at, ErrCorrupt)
	for version := range 256 {
		if version == sealVersion {
			continue
		}
		other := append([]byte{byte(version)}, sealed[1:]...)
		refused(t, fmt.Sprint("version ", version), m, other, at, ErrCorrupt)
	}
}

// A text in which any one bit is flipped does not open.
func TestSealedTextsWithAFlippedBit(t *testing.T) {
	t.Parallel()
	m := sealer(keyOf(t, "k1", "one"), keyOf(t, "k0", "one"), keyOf(t, "i1", "two"))
	flips := 0
	for i := range 50 {
		at := place{tenant: "acme", record: fmt.Sprint("u", i), field: "token", until: millis(int64(i) * 1000)}
		sealed := seal(t, m, strings.Repeat("x", i), at)
		for j := range sealed {
			for bit := range 8 {
				sealed[j] ^= 1 << bit
				refused(t, fmt.Sprintf("text %d, byte %d, bit %d", i, j, bit), m, sealed, at, ErrCorrupt, ErrNoKey)
				sealed[j] ^= 1 << bit
				flips++
			}
		}
		if text, err := m.open(t.Context(), sealed, at); len(text) != i || err != nil {
			t.Errorf("text %d is %q, %v in the end", i, text, err)
		}
	}
	t.Logf("%d flips refused", flips)
}

func TestSealedTextsOfAnotherLength(t *testing.T) {
	t.Parallel()
	m := sealer(keyOf(t, "k1", "one"))
	at := place{tenant: "acme", record: "u1", field: "token"}
	sealed := seal(t, m, "s3cret", at)
	for n := range sealed {
		refused(t, fmt.Sprint("the first ", n), m, sealed[:n:n], at, ErrCorrupt)
		if n > 0 {
			refused(t, fmt.Sprint("all but the first ", n), m, sealed[n:], at, ErrCorrupt, ErrNoKey)
		}
	}
	refused(t, "one byte more", m, append(sealed, 0), at, ErrCorrupt)
	refused(t, "twice", m, append(sealed, sealed...), at, ErrCorrupt)
	refused(t, "nil", m, nil, at, ErrCorrupt)
}

// A nonce that is used twice would give the text away. A sealed text shows its length and
// nothing else.
func TestNoncesDiffer(t *testing.T) {
	t.Parallel()
	n := size.Pick(t, 10_000, 100_000, 1_000_000)
	if size.Race {
		n = 10_000
	}
	managers := []*Manager{sealer(keyOf(t, "k1", "one")), sealer(keyOf(t, "k1", "one"))} // as if after a restart
	at := place{tenant: "acme", record: "u1", field: "token"}
	seen, last := make(map[[12]byte]bool, n), ""
	for i := range n {
		sealed := seal(t, managers[i%2], "s3cret", at)
		nonce := [12]byte(sealed[len("vlk1"):])
		if seen[nonce] {
			t.Fatalf("the nonce of text %d is one of those before", i)
		}
		seen[nonce] = true
		if len(sealed) != len("vlk1")+12+len("s3cret")+16 || string(sealed[16:]) == last || strings.Contains(string(sealed), "s3cret") {
			t.Fatalf("text %d: %x", i, sealed)
		}
		last = string(sealed[16:])
	}
}

// Texts that the first version sealed open for good. The files never change: if this
// test fails, secrets in databases can no longer be read.
func TestGoldenSealedText(t *testing.T) {
	t.Parallel()
	m := sealer(keyOf(t, "2026-05", "one"))
	for name, at := range map[string]place{
		"v1-sealed-token.hex":     {tenant: "t/acme", record: "0123456789abcdef01234567", field: "token"},
		"v1-sealed-sensitive.hex": {tenant: "acme", record: "u1", field: "sensitive.ssn", until: millis(1_800_000_000_123)},
	} {
		path := filepath.Join("testdata", "codec", name)
		if *update {
			if _, err := os.Stat(path); os.IsNotExist(err) { // add, never change
				text := hex.EncodeToString(seal(t, m, `"078-05-1120"`, at)) + "\n"
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		golden, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := hex.DecodeString(strings.TrimSpace(string(golden)))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := m.open(t.Context(), sealed, at); text != `"078-05-1120"` || err != nil {
			t.Errorf("%s: opened %q, %v", name, text, err)
		}
	}
}
