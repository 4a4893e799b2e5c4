package main

import (
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
)

func TestRun(t *testing.T) {
	dsn := pgtest.Database(t)
	const refused, absent, ordered = "Bob's order: ", "\nBob: enduser: not found: get\n", "Ann ordered tea\n"
	for _, orders := range []string{ordered, ordered + ordered} { // the second run finds the first one's
		var out strings.Builder
		if err := run(t.Context(), dsn, &out); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if !strings.HasPrefix(got, refused) || !strings.Contains(got, "check constraint") || !strings.HasSuffix(got, absent+orders) {
			t.Errorf("printed %q", got)
		}
	}
}
