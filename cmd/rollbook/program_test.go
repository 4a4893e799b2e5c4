package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/size"
)

var update = flag.Bool("update", false, "rewrite documents with what the program prints")

// pages skips a test of a page under the race detector: it runs many commands, one after the other,
// each of which other tests run too, and each takes long to start there.
func pages(t *testing.T) {
	t.Helper()
	if size.Race {
		t.Skip("the commands of a page, one after the other")
	}
}

// installed returns a folder for PATH, in which the program is as rollbook.
func installed(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := "#!/bin/sh\n" + beProgram + "=1 exec '" + path + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "rollbook"), []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return dir
}
