package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "Ann is one of 2 users\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
