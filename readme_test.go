package rollbook_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeShowsTheExample: the first program in the README is example_test.go, and all
// other Go in it, in docs/moving.md and in docs/console.md, stands in examples, which are compiled and tested.
func TestReadmeShowsTheExample(t *testing.T) {
	program := exampleAsProgram(t)
	var examples strings.Builder
	for _, pattern := range []string{"examples/*/main.go", "store/postgres/examples/*/main.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		for _, file := range files {
			examples.WriteString("\n" + read(t, file) + "```")
		}
	}
	code := regexp.MustCompile("(?s)```go\n(.*?```)")
	blocks := code.FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(blocks) == 0 || blocks[0][1] != program+"```" {
		t.Errorf("the README does not begin with the program\n%s", program)
	}
	blocks = blocks[min(1, len(blocks)):]
	for _, page := range []string{"docs/moving.md", "docs/console.md"} {
		more := code.FindAllStringSubmatch(read(t, page), -1)
		if len(more) == 0 {
			t.Errorf("%s shows no code", page)
		}
		blocks = append(blocks, more...)
	}
	for _, block := range blocks {
		text := block[1]
		if !strings.HasPrefix(text, "package ") { // that is a file up to its end
			text = strings.TrimSuffix(text, "```")
		}
		if !strings.Contains(examples.String(), "\n"+text) {
			t.Errorf("a document shows what is not in an example:\n%s", text)
		}
	}
}

// exampleAsProgram returns example_test.go with Example as its main function.
func exampleAsProgram(t *testing.T) string {
	t.Helper()
	head, rest, ok1 := strings.Cut(read(t, "example_test.go"), "\n// ")
	_, body, ok2 := strings.Cut(rest, "\nfunc Example() {\n")
	body, _, ok3 := strings.Cut(body, "\t// Output:")
	if !ok1 || !ok2 || !ok3 {
		t.Fatal("example_test.go is not a header, a comment, Example and its output")
	}
	return strings.Replace(head, "package rollbook_test", "package main", 1) + "\nfunc main() {\n" + body + "}\n"
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
	for _, document := range append(append(documents, "llms.txt"), more...) {
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
