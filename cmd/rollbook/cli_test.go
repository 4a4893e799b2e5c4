//go:build unix

package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/rollbook-go/rollbook/internal/testing/recording"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// TestCommands runs the sessions of docs/cli.md in an empty folder. The server there listens on a
// free port, wherever the page says 8080.
func TestCommands(t *testing.T) {
	pages(t)
	const path = "../../docs/cli.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ports, err := redistest.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", ports[0])
	sh := recording.Start(t, t.TempDir(), installed(t), "ROLLBOOK_ADDR="+addr)
	page := recording.Parse(string(text))
	wrong, right, err := page.Run(sh, recording.Options{Replace: map[string]string{"127.0.0.1:8080": addr}, Clean: settled})
	if err != nil {
		t.Fatal(err)
	}
	if page.Commands() == 0 {
		t.Error("the page has no commands")
	}
	if *update {
		if err := os.WriteFile(path, []byte(right), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
		return
	}
	for _, w := range wrong {
		t.Error(w)
	}
	if len(wrong) > 0 {
		t.Log("go test ./cmd/rollbook -run TestCommands -update rewrites the page")
	}
}

var progress = regexp.MustCompile(`^([a-z][a-z ]*): (\d+( of \d+)?)(, .*)?$`)

// settled returns an output with the last line of each progress alone, and without rates: on a slow
// machine there are more lines.
func settled(output string) string {
	lines := strings.Split(output, "\n")
	shown := make(map[string]bool)
	for i, line := range slices.Backward(lines) {
		found := progress.FindStringSubmatch(line)
		switch {
		case found == nil:
		case shown[found[1]]:
			lines = slices.Delete(lines, i, i+1)
		default:
			shown[found[1]], lines[i] = true, found[1]+": "+found[2]
		}
	}
	return strings.Join(lines, "\n")
}

func TestSettled(t *testing.T) {
	got := settled("importing: 1 of 3\nrejected: x line 2: y\nimporting: 2 of 3, 1/s, 3s left\nimporting: 3 of 3, 1/s\ncopying bytes: 5")
	if want := "rejected: x line 2: y\nimporting: 3 of 3\ncopying bytes: 5"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
}

// TestEveryCommandIsShown: the page has a recording of each command.
func TestEveryCommandIsShown(t *testing.T) {
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(new(program))
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(true)
	for _, leaf := range leaves {
		words := []string{leaf.Name}
		for n := leaf.Parent; n.Parent != nil; n = n.Parent {
			words = append([]string{n.Name}, words...)
		}
		command := "rollbook " + strings.Join(words, " ")
		if !regexp.MustCompile(`(?m)^\$ (.*\| )?` + command + `( |$)`).Match(page) {
			t.Errorf("docs/cli.md does not show %s", command)
		}
	}
	if len(leaves) < 20 {
		t.Errorf("there are %d commands only", len(leaves))
	}
}
