package sqlite

import (
	"bytes"
	"errors"
	"hash/crc32"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
)

func TestKeysRoundTrip(t *testing.T) {
	key := rapid.Custom(func(t *rapid.T) store.Key {
		return store.Key{
			Kind:  rapid.StringN(1, -1, store.MaxKind).Draw(t, "kind"),
			Value: rapid.StringN(0, -1, store.MaxKeyValue).Draw(t, "value"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		unique := rapid.SliceOfN(key, 0, store.MaxUnique).Draw(t, "unique")
		index := rapid.SliceOfN(key, 0, store.MaxIndex).Draw(t, "index")
		u, i, err := parseKeys(encodeKeys(unique, index))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]store.Key{unique, index}, [][]store.Key{u, i}, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestFlippedBits: no flipped bit makes another key.
func TestFlippedBits(t *testing.T) {
	whole := encodeKeys([]store.Key{{Kind: "email", Value: "a@example.com"}}, []store.Key{{Kind: "word"}})
	for bit := range 8 * len(whole) {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		if u, i, err := parseKeys(b); !errors.Is(err, errCorrupt) {
			t.Errorf("bit %d: %q, %q, %v", bit, u, i, err)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(nil))
	whole := encodeKeys([]store.Key{{Kind: "email", Value: "a@example.com"}}, []store.Key{{Kind: "word"}})
	f.Add(whole)
	f.Add(whole[:len(whole)-crc32.Size])
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{1, 0, 1, 'k', 0x80, 0x80, 0x80, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, err := parseKeys(b); err != nil && !errors.Is(err, errCorrupt) {
			t.Error(err)
		}
		u, i, err := parseKeys(appendSum(b))
		if err != nil {
			if !errors.Is(err, errCorrupt) {
				t.Error(err)
			}
			return
		}
		u2, i2, err := parseKeys(encodeKeys(u, i))
		if err != nil || !cmp.Equal(u, u2, cmpopts.EquateEmpty()) || !cmp.Equal(i, i2, cmpopts.EquateEmpty()) {
			t.Errorf("%q %q are read again as %q %q, %v", u, i, u2, i2, err)
		}
	})
}

func TestAtLeast(t *testing.T) {
	for version, want := range map[string]bool{
		"3.51.3": true, "3.51.10": true, "3.52.0": true, "4.0.0": true, "3.51.2": false, "3.9.99": false, "3.51": false, "x": false,
	} {
		if got := atLeast(version, oldestSQLite); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}

// The driver works with exactly one version of modernc.org/libc.
func TestLibcVersion(t *testing.T) {
	ask := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "go", args...).Output()
		if err != nil {
			t.Fatalf("go %s: %v", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out))
	}
	used := ask("list", "-m", "-f", "{{.Version}}", "modernc.org/libc")
	wants := ""
	for line := range strings.Lines(ask("mod", "edit", "-print", ask("list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite"))) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "modernc.org/libc" {
			wants = fields[1]
		}
	}
	if used == "" || used != wants {
		t.Errorf("modernc.org/libc is %s, modernc.org/sqlite wants %s", used, wants)
	}
}
