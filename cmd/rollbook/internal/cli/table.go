package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// Result writes the result of a command to Stdout: v as a JSON object, or lines of a name and a
// value. Lines without a value are left out.
func (e *Env) Result(v any, lines ...[2]string) error {
	if e.JSON {
		return encoder(e.Stdout).Encode(v)
	}
	w := aligned(e.Stdout)
	for _, line := range lines {
		if line[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", line[0], Printable(line[1]))
		}
	}
	return w.Flush()
}

// Table is a list that is written to Stdout: a line of columns for each row, or a JSON object.
type Table struct {
	out    *bufio.Writer
	json   *json.Encoder // nil: columns
	w      *tabwriter.Writer
	header []string
	rows   int
}

// Table begins a list with the names of its columns. Nothing is written of a list without rows.
func (e *Env) Table(columns ...string) *Table {
	t := &Table{out: bufio.NewWriter(e.Stdout), header: columns}
	if e.JSON {
		t.json = encoder(t.out)
	} else {
		t.w = aligned(t.out)
	}
	return t
}

// atOnce is how many rows are aligned together.
const atOnce = 500

// Row adds a row: v with JSON, else the cells.
func (t *Table) Row(v any, cells ...string) error {
	if t.json != nil {
		return t.json.Encode(v)
	}
	if t.rows == 0 {
		t.columns(t.header)
	}
	t.columns(cells)
	if t.rows++; t.rows%atOnce == 0 {
		return t.w.Flush()
	}
	return nil
}

// End writes what is left.
func (t *Table) End() error {
	if t.w != nil {
		if err := t.w.Flush(); err != nil {
			return err
		}
	}
	return t.out.Flush()
}

func (t *Table) columns(cells []string) {
	shown := make([]string, len(cells))
	for i, c := range cells {
		if shown[i] = Printable(c); c == "" {
			shown[i] = "-"
		}
	}
	fmt.Fprintln(t.w, strings.Join(shown, "\t"))
}

const zeroWidthJoiner = '\u200d' // of emoji

func encoder(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}

func aligned(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 2, ' ', 0) }

// Printable returns a text without what could steer a terminal: users choose their names, and
// others those of files.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) || r == zeroWidthJoiner {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
