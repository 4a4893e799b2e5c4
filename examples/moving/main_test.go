package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), t.TempDir(), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "row 1: ") || lines[1] != "elsewhere: 1 created" || lines[2] != "Ann since 2024" {
		t.Errorf("printed %q", lines)
	}
}
