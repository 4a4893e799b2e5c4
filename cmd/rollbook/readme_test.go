package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadmeRequests sends the requests of the README as they are printed there, each block in
// one shell, in the folder of the server that its first command starts. A comment says with
// which status a request is answered and, after "then", if it is sent again; without it, the
// answer is a success.
func TestReadmeRequests(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	blocks := tried(t)
	if want := "go run ./cmd/rollbook serve\n"; !strings.HasPrefix(blocks[0], want) {
		t.Fatalf("the README begins with %q, want %q", blocks[0], want)
	}
	dir := t.TempDir()
	server := startProcess(t, dir)
	// The answers are shown by the shell; their statuses go to a file.
	if err := os.WriteFile(filepath.Join(dir, ".curlrc"), []byte(`write-out = "%{stderr}%{http_code}\n"`), 0o600); err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`\b([1-5]\d\d)\b(?:, then ([1-5]\d\d)\b)?`)
	script, requests := "", 0
	for _, block := range blocks[1:] {
		if !strings.Contains(block, "curl ") {
			continue
		}
		script += strings.ReplaceAll(block, "http://127.0.0.1:8080", server.url) + "\n"
		first := statuses(t, dir, script) // the blocks before are repeated: later ones use their variables
		again := statuses(t, dir, script)
		first = first[len(first)-strings.Count(block, "curl "):]
		again = again[len(again)-strings.Count(block, "curl "):]
		comment := ""
		for line := range strings.Lines(block) {
			if strings.HasPrefix(line, "#") {
				comment = line
			}
			if !strings.Contains(line, "curl ") {
				continue
			}
			requests++
			what := strings.TrimSpace(comment) + "\n" + line
			switch status := said.FindStringSubmatch(comment); {
			case status == nil:
				if first[0] < "200" || first[0] > "299" {
					t.Errorf("%s: status %s", what, first[0])
				}
			case first[0] != status[1]:
				t.Errorf("%s: status %s", what, first[0])
			case status[2] != "" && again[0] != status[2]:
				t.Errorf("%s: then status %s", what, again[0])
			}
			first, again = first[1:], again[1:]
		}
	}
	if requests < 14 {
		t.Errorf("only %d requests were found", requests)
	}
}

// TestReadmeStores: the other commands that the README starts the server with are understood. It
// ends because nobody listens where the store is to be.
func TestReadmeStores(t *testing.T) {
	found := 0
	for _, block := range tried(t)[1:] {
		for line := range strings.Lines(block) {
			command, ok := strings.CutPrefix(line, "go run ./cmd/rollbook serve ")
			if !ok {
				continue
			}
			found++
			command = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(command, "127.0.0.1:1")
			var stdout, stderr bytes.Buffer
			cmd := process(t.TempDir())
			cmd.Env = append(cmd.Env, "ROLLBOOK_ADDR=127.0.0.1:0")
			cmd.Args = []string{"sh", "-c", `exec "$0" serve ` + command, cmd.Path}
			cmd.Path, cmd.Stdout, cmd.Stderr = "/bin/sh", &stdout, &stderr
			if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), "refused") {
				t.Errorf("%s: %v\n%s%s", command, err, &stdout, &stderr)
			}
		}
	}
	if found < 2 {
		t.Errorf("only %d commands were found", found)
	}
}

// tried returns the blocks of the README's section "Try it".
func tried(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("\n## Try it\n"))
	text, _, _ = bytes.Cut(text, []byte("\n## "))
	var blocks []string
	for i, part := range strings.Split(string(text), "```") {
		if i%2 == 1 {
			blocks = append(blocks, strings.TrimPrefix(part, "\n"))
		}
	}
	if len(blocks) < 3 {
		t.Fatalf("%d blocks", len(blocks))
	}
	return blocks
}

// statuses runs a script, and returns the statuses of the answers to its requests.
func statuses(t *testing.T, dir, script string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-eu", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(slices.Clone(os.Environ()), "CURL_HOME="+dir, "no_proxy=*")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s%s", err, script, &stdout, &stderr)
	}
	all := regexp.MustCompile(`(?m)^\d{3}$`).FindAllString(stderr.String(), -1)
	if want := strings.Count(script, "curl "); len(all) != want {
		t.Fatalf("%d answers to %d requests:\n%s", len(all), want, &stderr)
	}
	return all
}
