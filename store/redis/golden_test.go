package redis

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/rollbook-go/rollbook/internal/testing/golden"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
)

var update = flag.Bool("update", false, "rewrite the golden store, which no release may do")

// TestGolden reads a store that an earlier version wrote, from the commands that write it.
func TestGolden(t *testing.T) {
	const kept = "testdata/golden.txt"
	if *update {
		s := openStore(t, redistest.Server(t).Addr)
		golden.Write(t, s)
		if err := os.WriteFile(kept, commandsOf(t, s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, start := range map[string]func(t *testing.T) string{
		"miniredis": func(t *testing.T) string { t.Helper(); return miniredis.RunT(t).Addr() },
		"server":    func(t *testing.T) string { t.Helper(); return redistest.Server(t).Addr },
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, start(t))
			text, err := os.ReadFile(kept)
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(text) {
				s.do(t, commandOf(t, string(line))...)
			}
			for f, err := range s.Verify(t.Context(), store.VerifyOptions{}) {
				t.Errorf("damaged: %+v, %v", f, err)
			}
			golden.Check(t, s)
			if err := Inconsistencies(t.Context(), s.client, DefaultPrefix); err != nil {
				t.Error(err)
			}
		})
	}
}

// commandsOf returns the commands that write what a store has, and empties it. Nonces, which
// expire in a minute, are left out.
func commandsOf(t *testing.T, s *Store) []byte {
	t.Helper()
	d, err := readDump(t.Context(), s.client, DefaultPrefix)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(d.hashes)) {
		for _, field := range slices.Sorted(maps.Keys(d.hashes[key])) {
			fmt.Fprintf(&text, "hset %q %q %q\n", key, field, d.hashes[key][field])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.zsets)) {
		for _, member := range slices.Sorted(maps.Keys(d.zsets[key])) {
			fmt.Fprintf(&text, "zadd %q \"%.0f\" %q\n", key, d.zsets[key][member], member)
		}
	}
	return text.Bytes()
}

// commandOf reads a line of commandsOf.
func commandOf(t *testing.T, line string) []any {
	t.Helper()
	name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	command := []any{name}
	for rest != "" {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		command, rest = append(command, word), strings.TrimPrefix(rest[len(quoted):], " ")
	}
	return command
}
