// Package csvfile reads users from tables of text: CSV, as spreadsheets and databases write it.
//
// The first line names the columns. A column is a field of a user, in any case, with "_", "-" or
// blanks between words:
//
//	id                  the own ID that the user keeps
//	external_id         the ID by which the tenant's own systems know the user
//	name, first_name, last_name, email, avatar, language
//	metadata            a JSON object
//	metadata.KEY        one value, as text
//	system_properties   likewise, and system_properties.KEY
//	linked_account.TYPE the ID of the account of that type
//	linked_accounts     a JSON array of objects with "type" and "id"
//	groups              external IDs of groups: a JSON array, or separated by ";"
//	created_at, created_by, updated_at, updated_by, expires_at
//	rejected            passed over: why an earlier import has rejected the row
//
// Times are like 2026-01-02T03:04:05Z or 2026-01-02 03:04:05+00, or a day: 2026-01-02; without a
// zone they are in UTC. An empty cell says nothing about its
// field. [Options.Columns] gives columns with other names their fields. The text is UTF-8.
package csvfile

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
)

// Options are the settings of [Open].
type Options struct {
	// Columns are fields by the names of their columns. The field "-" skips a column.
	Columns map[string]string

	// Separator is what separates cells. 0: the one of comma, semicolon and tab that the first
	// line has most of.
	Separator rune

	// After is the Position of a row up to which rows were imported, "" for none.
	After string
}

// maxRow is how many bytes of a row are read.
const maxRow = 16 << 20

// ErrColumn is the error of a first line that cannot be used, such as one that names something
// that is no field, or one twice.
var ErrColumn = errors.New("line 1")

// Source is the rows of a file: a [vendors.Source].
type Source struct {
	in      *csv.Reader
	bound   *bound
	comma   rune
	columns []column
	header  []string
	after   int
	err     error
}

var _ vendors.Source = (*Source)(nil)

// Open reads the first line.
func Open(r io.Reader, opts *Options) (*Source, error) {
	if opts == nil {
		opts = new(Options)
	}
	after, err := afterRow(opts.After)
	if err != nil {
		return nil, err
	}
	s := &Source{after: after, comma: opts.Separator, bound: &bound{r: r, left: maxRow}}
	text := bufio.NewReaderSize(s.bound, 64<<10)
	head, err := text.Peek(len("\ufeff"))
	if string(head) == "\ufeff" {
		_, err = text.Discard(len(head))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if s.comma == 0 {
		s.comma = separator(text)
	}
	s.in = csv.NewReader(text)
	s.in.Comma = s.comma
	s.in.ReuseRecord = true
	header, err := s.in.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: the file is empty", ErrColumn)
	case strings.ContainsRune(strings.Join(header, ""), 0):
		return nil, fmt.Errorf("%w: the text is not UTF-8: save the file as \"CSV UTF-8\"", ErrColumn)
	case err != nil:
		return nil, lineError(err)
	}
	s.header = append(s.header, header...)
	s.columns, err = columns(s.header, opts.Columns)
	return s, err
}

// separator returns what most often separates the cells of the first line. It waits for no more
// than that line.
func separator(text *bufio.Reader) rune {
	counts, quoted, at := make(map[byte]int), false, 0
	for ended := false; !ended; {
		_, err := text.Peek(at + 1) // an error comes again
		head, _ := text.Peek(text.Buffered())
		for _, c := range head[at:] {
			if ended = c == '\n' && !quoted; ended {
				break
			}
			if c == '"' {
				quoted = !quoted
			} else if !quoted {
				counts[c]++
			}
		}
		at, ended = len(head), ended || err != nil
	}
	most := byte(',')
	for _, c := range []byte(";\t") {
		if counts[c] > counts[most] {
			most = c
		}
	}
	return rune(most)
}

// positions begin with this.
const positionPrefix = "csv:row:"

func afterRow(after string) (int, error) {
	if after == "" {
		return 0, nil
	}
	text, ok := strings.CutPrefix(after, positionPrefix)
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n < 0 {
		return 0, errors.New("not a position of a CSV file")
	}
	return n, nil
}

// Rows implements [vendors.Source].
func (s *Source) Rows(ctx context.Context) iter.Seq[vendors.Row] {
	return func(yield func(vendors.Row) bool) {
		for n := 1; ; n++ {
			if s.err = ctx.Err(); s.err != nil {
				return
			}
			s.bound.left = maxRow
			cells, err := s.in.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if fatal(err) {
				s.err = lineError(err)
				return
			}
			if n <= s.after || err == nil && s.isNote(cells) {
				continue
			}
			row := s.row(cells, err)
			row.Position = positionPrefix + strconv.Itoa(n)
			if !yield(row) {
				return
			}
		}
	}
}

// Err implements [vendors.Source].
func (s *Source) Err() error { return s.err }

// Total implements [vendors.Source]. Files do not say it.
func (s *Source) Total() int64 { return 0 }

// row reads a row.
func (s *Source) row(cells []string, err error) vendors.Row {
	if err != nil {
		line := 0
		if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
			line, err = wrong.StartLine, wrong.Err
		}
		r := vendors.Row{At: "line " + strconv.Itoa(line), Err: err}
		if errors.Is(err, csv.ErrFieldCount) {
			r.Err = fmt.Errorf("has %d cells instead of %d", len(cells), len(s.header))
			r.Text = s.kept(cells)
		}
		return r
	}
	line, _ := s.in.FieldPos(0)
	r := vendors.Row{At: "line " + strconv.Itoa(line), Text: s.kept(cells)}
	user, err := s.user(cells)
	if err != nil {
		r.Err = err
		return r
	}
	r.User, r.ID = user, user.ID
	return r
}

// isNote reports whether a row only says that another one was rejected.
func (s *Source) isNote(cells []string) bool {
	for i, c := range cells {
		if c != "" && s.columns[i].field != fieldRejected {
			return false
		}
	}
	return true
}

// kept returns a row as it stands in a file, without what only says that it was rejected; "" if
// it is no text.
func (s *Source) kept(cells []string) string {
	var kept []string
	for i, c := range cells {
		if !utf8.ValidString(c) {
			return ""
		}
		if len(cells) != len(s.columns) || s.columns[i].field != fieldRejected {
			kept = append(kept, c)
		}
	}
	return s.line(kept)
}

func (s *Source) line(cells []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma = s.comma
	_ = w.Write(cells) // a Builder takes everything
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// RejectedHeader returns the first line of a file of rejected rows: the first line of this file
// with the column "rejected" in front.
func (s *Source) RejectedHeader() string { return s.rejected(fieldRejected, s.kept(s.header)) }

// Rejected returns the line of a rejected row, with why it was rejected. When it is corrected the
// file can be imported. Of a row that is no CSV only the reason is there.
func (s *Source) Rejected(r vendors.Row, err error) string {
	text := r.Text
	if text == "" {
		text = s.kept(make([]string, len(s.header)))
	}
	return s.rejected(r.At+": "+err.Error(), text)
}

func (s *Source) rejected(cell, line string) string {
	return s.line([]string{cell}) + string(s.comma) + line
}

// fatal reports whether nothing can be read behind an error: a quote that is not closed has taken
// all that follows.
func fatal(err error) bool {
	wrong, ok := errors.AsType[*csv.ParseError](err)
	return err != nil && (!ok || errors.Is(err, csv.ErrQuote) && wrong.Line > wrong.StartLine)
}

// lineError returns an error that names the line and quotes nothing.
func lineError(err error) error {
	if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("line %d: %w", wrong.StartLine, wrong.Err)
	}
	return err
}

// bound is a reader that ends when a row takes too much of it.
type bound struct {
	r    io.Reader
	left int
}

func (b *bound) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("a row has more than %d MiB: a quote may not be closed", maxRow>>20)
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}
