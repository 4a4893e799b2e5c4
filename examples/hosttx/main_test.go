package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	const refused, absent, ordered = "Bob's order: ", "\nBob: enduser: not found: get\n", "Ann ordered tea\n"
	for _, orders := range []string{ordered, ordered + ordered} { // the second run finds the first one's
		var out strings.Builder
		if err := run(t.Context(), path, &out); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if !strings.HasPrefix(got, refused) || !strings.Contains(got, "CHECK constraint") || !strings.HasSuffix(got, absent+orders) {
			t.Errorf("printed %q", got)
		}
	}
}
