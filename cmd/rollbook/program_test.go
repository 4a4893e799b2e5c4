package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// beProgram is the environment variable that makes the test's program rollbook itself.
const beProgram = "ROLLBOOK_TEST_BE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command returns a command that runs the program in a folder. It ends with the test.
func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), executable(t), args...)
	c.Dir = dir
	c.Env = append(os.Environ(), beProgram+"=1")
	return c
}

// installed returns a folder for PATH, in which the program is as rollbook.
func installed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\n" + beProgram + "=1 exec '" + executable(t) + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "rollbook"), []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return dir
}

func executable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
