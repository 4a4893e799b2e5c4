package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite documents with what the program prints")

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
