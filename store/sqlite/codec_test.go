package sqlite

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

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
