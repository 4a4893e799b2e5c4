package rollbook_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
)

// TestConsoleRights: the table of docs/console.md names the actions that the console asks for, and
// no others.
func TestConsoleRights(t *testing.T) {
	files, err := filepath.Glob("httpapi/console/*.go")
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, a := range httpapi.Actions() {
		known[a.Name] = true
	}
	var asked, named []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, word := range regexp.MustCompile(`"([a-zA-Z]+)"`).FindAllStringSubmatch(read(t, file), -1) {
			if known[word[1]] {
				asked = append(asked, word[1])
			}
		}
	}
	_, table, _ := strings.Cut(read(t, "docs/console.md"), "\n## What a key may do\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, word := range regexp.MustCompile("`([a-zA-Z]+)`").FindAllStringSubmatch(table, -1) {
		if named = append(named, word[1]); !known[word[1]] {
			t.Errorf("there is no action %s", word[1])
		}
	}
	for _, list := range []*[]string{&asked, &named} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if !slices.Equal(asked, named) || len(asked) < 15 {
		t.Errorf("the console asks for %q, the page names %q", asked, named)
	}
}
