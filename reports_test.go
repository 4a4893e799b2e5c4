package rollbook_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReports: every test and file that docs/reports.md names exists, and there is a row
// for each of its reports.
func TestReports(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("docs", "reports.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, files := testsAndFiles(t)
	rows := make(map[string]bool)
	row := regexp.MustCompile(`^\| ([A-G]\d+)`)
	test := regexp.MustCompile(`\b(?:Test|Benchmark)[A-Z]\w+`)
	file := regexp.MustCompile(`[\w/]+\.(?:go|json|lua)\b`)
	for i, line := range strings.Split(string(text), "\n") {
		match := row.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		rows[match[1]] = true
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		if len(cells) != 5 {
			t.Errorf("docs/reports.md:%d: %d cells, want 5", i+1, len(cells))
			continue
		}
		for _, name := range test.FindAllString(cells[3], -1) {
			if !tests[name] {
				t.Errorf("docs/reports.md:%d: there is no %s", i+1, name)
			}
		}
		for _, name := range file.FindAllString(cells[3], -1) {
			if !files[filepath.Base(name)] && !files[name] {
				t.Errorf("docs/reports.md:%d: there is no file %s", i+1, name)
			}
		}
	}
	const reports = 9 + 5 + 11 + 15 + 10 + 8 + 6
	if len(rows) != reports {
		t.Errorf("%d reports have a row, want %d", len(rows), reports)
	}
}

// testsAndFiles returns the names of all tests and benchmarks, and of all files.
func testsAndFiles(t *testing.T) (tests, files map[string]bool) {
	t.Helper()
	tests, files = make(map[string]bool), make(map[string]bool)
	function := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w*)\(`)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files[entry.Name()], files[filepath.ToSlash(path)] = true, true
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, match := range function.FindAllSubmatch(source, -1) {
			tests[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests, files
}
