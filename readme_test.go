package rollbook_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeShowsTheExample: the code in the README is the body of Example,
// which is compiled and run.
func TestReadmeShowsTheExample(t *testing.T) {
	source := read(t, "example_test.go")
	_, body, found := strings.Cut(source, "\nfunc Example() {\n")
	if !found {
		t.Fatal("example_test.go has no func Example")
	}
	body, _, found = strings.Cut(body, "}\n\t// Output:")
	if !found {
		t.Fatal("Example has no output")
	}
	body = strings.ReplaceAll("\n"+body+"}\n", "\n\t", "\n")

	blocks := regexp.MustCompile("(?s)```go(\n.*?\n)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("the README shows no Go")
	}
	for _, block := range blocks {
		if block[1] != body {
			t.Errorf("the README shows\n%s\nand not what Example does\n%s", block[1], body)
		}
	}
}

// TestLinksLead: every link from a document to a file of the module finds one.
func TestLinksLead(t *testing.T) {
	documents, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```.*?```")
	link := regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
	links := 0
	for _, document := range append(documents, more...) {
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(read(t, document), ""), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), match[1])); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
	if links == 0 {
		t.Error("no links were found: the pattern is wrong")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
