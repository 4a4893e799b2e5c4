package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	out := "goos: linux\nBenchmarkGet/full-2  \t       1\t         3.429 x-one\t        16 B/op\nPASS\n"
	got, err := parse(out, "Get/full")
	if err != nil || len(got) != 2 || got["x-one"] != 3.429 || got["B/op"] != 16 {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := parse(out, "List"); err == nil {
		t.Errorf("without a result: %v", got)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	list := []row{
		{1, "writes", atLeast(6), "store Writes", "x", ""},
		{2, "reads", atMost(1.5), "store Reads", "x", ""},
		{3, "bulk", atLeast(1), "", "", ""},
		{4, "lists", noMoreThan(1, " s"), "store Lists", "s", ""},
	}
	got := table(list, []result{
		{median: 6.1234, least: 5, greatest: 700.4}, {median: 1.6, least: 1, greatest: 2}, {}, {err: errors.New("failed")},
	})
	want := `
| Row | What   | Target | Reached      | Spread |
| --- | ---    | ---    | ---          | ---    |
| 1   | writes | ≥ 6x   | 6.12x        | 5–700  |
| 2   | reads  | ≤ 1.5x | 1.6x, missed | 1–2    |
| 3   | bulk   | ≥ 1x   | not built    |        |
| 4   | lists  | ≤ 1 s  | not measured |        |
`
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%swant%s", got, want)
	}
}

// Every number has a row, and each row names a benchmark and a unit.
func TestRows(t *testing.T) {
	t.Parallel()
	numbers := make(map[int]bool)
	for _, row := range rows() {
		numbers[row.number] = true
		if (row.bench == "") != (row.unit == "") || row.what == "" || row.target.value <= 0 {
			t.Errorf("row %d: %+v", row.number, row)
		}
		if folder, name, _ := strings.Cut(row.bench, " "); row.bench != "" && (folder == "" || name == "") {
			t.Errorf("row %d: bench %q", row.number, row.bench)
		}
	}
	for n := range 21 {
		if !numbers[n+1] {
			t.Errorf("row %d is missing", n+1)
		}
	}
}

// TestDocument: docs/performance.md has the table with these rows and targets.
func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) == 7 {
			lines[strings.TrimSpace(cells[1])+strings.TrimSpace(cells[2])+strings.TrimSpace(cells[3])] = true
		}
	}
	for _, row := range rows() {
		if !lines[fmt.Sprint(row.number, row.what, row.target)] {
			t.Errorf("docs/performance.md lacks row %d: %s, %s", row.number, row.what, row.target)
		}
	}
}
