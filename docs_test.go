package rollbook_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDesignNamesFiles: every file and folder that docs/design.md sends its reader to is
// there.
func TestDesignNamesFiles(t *testing.T) {
	quoted := regexp.MustCompile("`((?:store|enduser|httpapi|internal|docs|examples)/[a-z0-9_/]+(?:\\.[a-z]+)?|[a-z_]+\\.go)`")
	table := regexp.MustCompile(`(?m)^\| Subject \| File in .([a-z/]+). \|$`)
	found := 0
	folder := ""
	for line := range strings.Lines(read(t, "docs/design.md")) {
		if match := table.FindStringSubmatch(strings.TrimSpace(line)); match != nil {
			folder = match[1]
			continue
		} else if !strings.HasPrefix(line, "|") {
			folder = ""
		}
		for _, match := range quoted.FindAllStringSubmatch(line, -1) {
			name := match[1]
			if !strings.Contains(name, "/") && folder == "" {
				continue
			}
			found++
			if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(name))); err != nil {
				t.Error(err)
			}
		}
	}
	if found < 80 {
		t.Errorf("only %d names were found: the pattern is wrong", found)
	}
}
