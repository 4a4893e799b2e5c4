package rollbook_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// families are the packages that docs/families.md has a section for, by the
// section's title.
func families() map[string]string {
	return map[string]string{
		"MagickMind": "httpapi/magickmind", "Explo": "httpapi/explo", "Sensay": "httpapi/sensay", "Ada": "httpapi/ada",
	}
}

// promise is a row of a family's table.
type promise struct {
	line      int
	what      string
	shown     []string // exchanges and tests
	deviation string
}

var (
	proof    = regexp.MustCompile("`([^`]+)`")
	function = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
)

// promises returns the rows of the tables, by the section's title.
func promises(t *testing.T, text string) map[string][]promise {
	t.Helper()
	all := make(map[string][]promise)
	section := ""
	for i, line := range strings.Split(text, "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Promise ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		if len(cells) != 3 {
			t.Errorf("docs/families.md:%d: %d cells, want 3", i+1, len(cells))
			continue
		}
		p := promise{line: i + 1, what: strings.TrimSpace(cells[0]), deviation: strings.TrimSpace(cells[2])}
		for _, match := range proof.FindAllStringSubmatch(cells[1], -1) {
			p.shown = append(p.shown, match[1])
		}
		all[section] = append(all[section], p)
	}
	return all
}

// TestFamilies: every promise in docs/families.md names what shows it, and that
// exists; every recorded exchange belongs to a promise.
func TestFamilies(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("docs", "families.md"))
	if err != nil {
		t.Fatal(err)
	}
	tables := promises(t, string(text))
	for title, dir := range families() {
		rows := tables[title]
		if len(rows) < 15 {
			t.Errorf("%s has %d promises", title, len(rows))
		}
		tests, exchanges := functions(t, dir), exchangesOf(t, dir)
		named := make(map[string]bool)
		for _, p := range rows {
			if p.what == "" || len(p.shown) == 0 || p.deviation == "" {
				t.Errorf("docs/families.md:%d: a cell is empty; say – where nothing deviates", p.line)
			}
			for _, name := range p.shown {
				named[name] = true
				if file, ok := strings.CutSuffix(name, ".json"); ok {
					if !slices.Contains(exchanges, file) {
						t.Errorf("docs/families.md:%d: %s/testdata has no %s", p.line, dir, name)
					}
					continue
				}
				if !exists(t, tests, name) {
					t.Errorf("docs/families.md:%d: there is no test %s", p.line, name)
				}
			}
		}
		for _, file := range exchanges {
			if !named[file+".json"] {
				t.Errorf("%s/testdata/%s.json shows no promise of docs/families.md", dir, file)
			}
		}
	}
}

// exists reports whether a test is among those of the family, or for a name like
// enduser.TestSweep among those of another package. Subtests are not looked at.
func exists(t *testing.T, tests []string, name string) bool {
	t.Helper()
	name, _, _ = strings.Cut(name, "/")
	if pkg, test, ok := strings.Cut(name, "."); ok {
		return slices.Contains(functions(t, map[string]string{
			"enduser": "enduser", "fold": "internal/fold", "keyfile": "enduser/keyfile", "rest": "httpapi/internal/rest", "httpapi": "httpapi", "server": "cmd/rollbook", "webhook": "enduser/webhook",
		}[pkg]), test)
	}
	return slices.Contains(tests, name)
}

func functions(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no tests: %v", dir, err)
	}
	var names []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range function.FindAllStringSubmatch(string(text), -1) {
			names = append(names, match[1])
		}
	}
	return names
}

func exchangesOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no exchanges: %v", dir, err)
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(filepath.Base(file), ".json")
	}
	return names
}
