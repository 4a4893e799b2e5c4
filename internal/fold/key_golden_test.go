package fold

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const keysFile = "keys.golden"

// whatToDo is for somebody who upgrades Go or x/text and sees this test fail.
const whatToDo = `
testdata/keys.golden is what stored keys were made by. If it no longer holds:
  - a code point that was allowed has another key: users that are stored under the
    old key would not be found. Raise Version, see that the old kind is still
    looked up until Tenant.Reindex has run, and only then go test -run Golden -update.
  - a code point that was allowed is refused: existing users keep theirs, but say so
    in the release notes; then -update.
  - code points are new in Unicode: nothing was stored with them. Just -update.`

// keyTable is what Key and Identifier say of every code point, in a
// form that people can read a difference of.
type keyTable struct {
	version string
	allowed [][2]rune       // ranges, ascending
	keys    map[rune]string // of those allowed whose key is not themselves
	sum     string          // over all allowed code points and their keys
}

// keysOf makes the table of the code points that are allowed according to f.
func keysOf(f func(r rune) bool) keyTable {
	table := keyTable{version: unicode.Version, keys: map[rune]string{}}
	sum := sha256.New()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) || !f(r) {
			continue
		}
		if n := len(table.allowed); n > 0 && table.allowed[n-1][1] == r-1 {
			table.allowed[n-1][1] = r
		} else {
			table.allowed = append(table.allowed, [2]rune{r, r})
		}
		key := Key(string(r))
		if key != string(r) {
			table.keys[r] = key
		}
		addKey(sum, r, key)
	}
	table.sum = hex.EncodeToString(sum.Sum(nil))
	return table
}

func addKey(sum hash.Hash, r rune, key string) { fmt.Fprintf(sum, "%x %x\n", r, key) }

// allowedAlone reports whether r may stand in an ID. Spaces may not at its ends.
func allowedAlone(r rune) bool { return Identifier("x"+string(r)+"x") == Fine }

func (k keyTable) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The comparison key of every code point that an ID may contain, by go test -run Golden -update.\n")
	fmt.Fprintf(&b, "keyversion %s\nunicode %s\nsha256 %s\n", Version, k.version, k.sum)
	b.WriteString("\n# Admitted: first and last of each range.\n")
	for _, span := range k.allowed {
		fmt.Fprintf(&b, "range %04X %04X\n", span[0], span[1])
	}
	b.WriteString("\n# The keys that are not the code point itself.\n")
	for _, span := range k.allowed {
		for r := span[0]; r <= span[1]; r++ {
			if key, ok := k.keys[r]; ok {
				fmt.Fprintf(&b, "%04X", r)
				for _, to := range key {
					fmt.Fprintf(&b, " %04X", to)
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

func parseKeyTable(t *testing.T, text string) (table keyTable, version string) {
	t.Helper()
	table.keys = map[rune]string{}
	for n, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		runes := func(from int) (list []rune) {
			for _, field := range fields[from:] {
				var r rune
				if _, err := fmt.Sscanf(field, "%X", &r); err != nil {
					t.Fatalf("%s:%d: %v", keysFile, n+1, err)
				}
				list = append(list, r)
			}
			return list
		}
		switch fields[0] {
		case "keyversion":
			version = fields[1]
		case "unicode":
			table.version = fields[1]
		case "sha256":
			table.sum = fields[1]
		case "range":
			span := runes(1)
			table.allowed = append(table.allowed, [2]rune(span))
		default:
			list := runes(0)
			table.keys[list[0]] = string(list[1:])
		}
	}
	return table, version
}

// TestGoldenKeys compares the keys with those that every version since the file
// was written has made. Tables of a newer Unicode may allow more; what was allowed
// must stay, and keep its key.
func TestGoldenKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", keysFile)
	got := keysOf(allowedAlone)
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, version := parseKeyTable(t, string(text))
	if version != Version {
		t.Errorf("keys.golden is of key version %s, the code of %s%s", version, Version, whatToDo)
	}
	if got.version == want.version {
		if !bytes.Equal(text, []byte(got.String())) {
			t.Errorf("the keys differ from %s, though both are of Unicode %s%s", keysFile, want.version, whatToDo)
		}
	} else {
		t.Logf("keys.golden is of Unicode %s, the tables are of %s", want.version, got.version)
	}

	was := make(map[rune]bool)
	faults := 0
	fault := func(format string, args ...any) {
		if faults++; faults <= 20 {
			t.Errorf(format, args...)
		}
	}
	for _, span := range want.allowed {
		for r := span[0]; r <= span[1]; r++ {
			was[r] = true
			key, ok := want.keys[r]
			if !ok {
				key = string(r)
			}
			if now := Key(string(r)); now != key {
				fault("%U: key %+q, was %+q", r, now, key)
			}
			if !allowedAlone(r) {
				fault("%U: no longer allowed", r)
			}
		}
	}
	if sum := keysOf(func(r rune) bool { return was[r] }).sum; sum != want.sum {
		fault("the sum of the keys is %s, was %s", sum, want.sum)
	}
	if faults > 0 {
		t.Errorf("%d differences%s", faults, whatToDo)
	}
	t.Logf("Unicode %s: %d ranges, %d keys, %d allowed", want.version, len(want.allowed), len(want.keys), len(was))
}
