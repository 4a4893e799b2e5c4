package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFirstStart does what somebody does who has just cloned the repository.
func TestFirstStart(t *testing.T) {
	dir := t.TempDir()
	first := startProcess(t, dir)
	command := printed(t, first)
	made := execute(t, command)
	again := execute(t, command)
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

	path := filepath.Join(dir, keyFile)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", keyFile, info.Mode())
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	second := startProcess(t, dir)
	command = printed(t, second)
	kept := execute(t, command)
	if kept.status != http.StatusOK {
		t.Errorf("after a restart: %d %s", kept.status, kept.body)
	}
	same(t, made, kept)
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) {
		t.Errorf("the key did not stay: %v", err)
	}
}

// TestOwnKeyNeedsItsFile: a key file that says nothing is not replaced.
func TestOwnKeyNeedsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), keyFile)
	if err := os.WriteFile(path, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if key, err := ownKey(path); err == nil {
		t.Errorf("made %q of an empty file", key)
	}
	if key, err := ownKey(filepath.Join(path, "x")); err == nil {
		t.Errorf("made %q in a folder that is none", key)
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

// printed returns the command that the server prints, as words.
func printed(t *testing.T, s *started) []string {
	t.Helper()
	line := s.line(t)
	_, command, ok := strings.Cut(line, "curl ")
	if !ok {
		t.Fatalf("the second line is %q", line)
	}
	var words []string
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 { // between quotes
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// execute makes the request that curl makes of the words.
func execute(t *testing.T, words []string) answer {
	t.Helper()
	var url, data string
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "-i":
		case "-H":
			i++
			name, value, _ := strings.Cut(words[i], ": ")
			header.Set(name, value)
		case "-d":
			i++
			data = words[i]
		default:
			url = words[i]
		}
	}
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	a, err := do(newClient(t, 1), r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
