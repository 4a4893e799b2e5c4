package deploy_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSettings: every setting that a file gives exists, as docs/configuration.md has it.
func TestSettings(t *testing.T) {
	known := settings(t)
	checked := 0
	for _, pattern := range []string{"systemd/rollbook.*", "docker/Dockerfile", "compose/*.yaml", "kubernetes/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			text := read(t, file)
			for _, match := range regexp.MustCompile(`\bROLLBOOK_[A-Z_]+\b`).FindAllString(text, -1) {
				if match == "ROLLBOOK_PORT" { // of Kubernetes
					continue
				}
				if checked++; !known[match] && !known[strings.TrimSuffix(match, "_FILE")] {
					t.Errorf("%s: there is no setting %s", file, match)
				}
			}
			for _, match := range regexp.MustCompile(`(?m)^ *([a-z-]+) = `).FindAllStringSubmatch(text, -1) {
				if checked++; !known[match[1]] {
					t.Errorf("%s: there is no setting %s", file, match[1])
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d settings were found: the pattern is wrong", checked)
	}
}

// settings returns the names of all settings, and their variables.
func settings(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	rows := regexp.MustCompile("(?m)^\\| `-([a-z-]+)[^`]*` \\| `(ROLLBOOK_[A-Z_]+)` \\|")
	for _, row := range rows.FindAllStringSubmatch(read(t, "../docs/configuration.md"), -1) {
		known[row[1]], known[row[2]] = true, true
	}
	if !known["store"] || !known["ROLLBOOK_STORE"] {
		t.Fatal("docs/configuration.md has no table of settings")
	}
	return known
}
