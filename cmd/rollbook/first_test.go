package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFirstStart does what the README says after cloning the repository.
func TestFirstStart(t *testing.T) {
	dir := t.TempDir()
	first := startProcess(t, dir)
	command := printed(t, first)
	made, again := command.send(t), command.send(t)
	if made.status != http.StatusCreated || again.status != http.StatusOK {
		t.Fatalf("the printed command: %d %s, then %d %s", made.status, made.body, again.status, again.body)
	}
	ann := same(t, made, again)
	if ann.TenantID != "demo" || ann.Environment != "Customer" {
		t.Errorf("made %+v", ann)
	}
	if err := first.end(); err != nil {
		t.Fatalf("SIGTERM: %v", err)
	}

	path := filepath.Join(dir, "rollbook.key")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("it has mode %v", info.Mode())
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	second := startProcess(t, dir)
	command = printed(t, second)
	kept := command.send(t)
	if kept.status != http.StatusOK {
		t.Errorf("after a restart: %d %s", kept.status, kept.body)
	}
	same(t, made, kept)
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) {
		t.Errorf("the key did not stay: %v", err)
	}
}

// same returns the user of both answers.
func same(t *testing.T, a, b answer) user {
	t.Helper()
	first, err := a.user()
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.user()
	if err != nil {
		t.Fatal(err)
	}
	if first.ID == "" || first != second {
		t.Errorf("%+v and %+v are not the same", first, second)
	}
	return first
}

// printed returns the command that the server prints.
func printed(t *testing.T, s *started) curl {
	t.Helper()
	line := s.line(t)
	_, words, ok := strings.Cut(line, "try: ")
	if !ok {
		t.Fatalf("the second line is %q", line)
	}
	return readCurl(t, words)
}
