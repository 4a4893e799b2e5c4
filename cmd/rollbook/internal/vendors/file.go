package vendors

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/internal/ndjson"
)

// The bounds of what is in memory at a time.
const (
	maxValue = 64 << 20 // of a line, an item of an array, or a file that is one value over many lines
	maxPeek  = 1 << 20  // of a first line that tells whether the values stand on lines
)

// File returns the rows of a file: one object on each line (NDJSON), an array of objects, or
// answers of the vendor's API, also several, each on a line of its own or over many lines. After
// is the Position of a row up to which rows were imported, "" for none.
//
// Lines {"type":"rejected",…} are passed over, so that a file of rejected rows can be corrected
// and read again.
func File(f Format, r io.Reader, after string) (Source, error) {
	s := &file{format: f, in: bufio.NewReaderSize(r, maxPeek)}
	var err error
	if s.after, err = afterRow(f, after); err != nil {
		return nil, err
	}
	return s, nil
}

// afterRow reads a Position that is the number of a row.
func afterRow(f Format, after string) (int, error) {
	if after == "" {
		return 0, nil
	}
	text, ok := strings.CutPrefix(after, string(f)+":row:")
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n < 0 {
		return 0, errPosition
	}
	return n, nil
}

// errPosition is the error of a Position that another format or kind of source has made.
var errPosition = errors.New("not a position of this source")

// file is a Source.
type file struct {
	format Format
	in     *bufio.Reader
	after  int // rows that are not imported again
	row    int // rows up to here
	err    error
}

// Err implements Source.
func (s *file) Err() error { return s.err }

// Total implements Source. Files do not say it.
func (s *file) Total() int64 { return 0 }

// Rows implements Source.
func (s *file) Rows(ctx context.Context) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		next := func(text []byte, line int, err error) bool {
			if s.err = ctx.Err(); s.err != nil {
				return false
			}
			return s.value(text, line, err, yield)
		}
		if s.spread() {
			s.documents(next)
		} else {
			s.lines(next)
		}
	}
}

// value yields the rows of a value, or the error for which it cannot be read.
func (s *file) value(text []byte, line int, err error, yield func(Row) bool) bool {
	give := func(r Row, line int) bool {
		if s.row++; s.row <= s.after {
			return true
		}
		r.At = "line " + strconv.Itoa(line)
		r.Position = fmt.Sprintf("%s:row:%d", s.format, s.row)
		return yield(r)
	}
	if err != nil {
		return give(Row{Err: err}, line)
	}
	if isNote(text) {
		return true
	}
	return s.format.unwrap(text, 0, func(row []byte, offset int) bool {
		return give(s.format.row(row), line-1+lineOf(text, offset))
	})
}

// isNote reports whether a value says why the row behind it was rejected.
func isNote(text []byte) bool {
	if !bytes.Contains(text, []byte(`"rejected"`)) {
		return false
	}
	var note struct{ Type string }
	return json.Unmarshal(text, &note) == nil && note.Type == "rejected"
}

// lines reads values that stand on lines, or in an array.
func (s *file) lines(yield func(text []byte, line int, err error) bool) {
	rows := ndjson.NewReader(s.in, maxValue)
	for row := range rows.Rows() {
		err := row.Err
		if wrong, ok := errors.AsType[*ndjson.Error](err); ok {
			err = wrong.Err // the row is named anyway
		}
		if !yield(row.Text, row.Line, err) {
			return
		}
	}
	s.err = rows.Err()
}

// spread reports whether the file is a value, or several, that stand on more than one line each:
// brackets are open at the end of its first line, and what begins the second can stand in them.
func (s *file) spread() bool {
	first, second := s.head()
	if len(first) == 0 || first[0] != '{' || len(second) == 0 {
		return false
	}
	var open []byte
	inString := false
	for i := 0; i < len(first); i++ {
		switch c := first[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			open = append(open, c)
		case len(open) > 0 && (c == '}' || c == ']'):
			open = open[:len(open)-1]
		}
	}
	return len(open) > 0 && (second[0] != '{' || open[len(open)-1] == '[')
}

// head returns the first line that is not blank and the beginning of the second, as far as they
// are within maxPeek. It waits for no more than that.
func (s *file) head() (first, second []byte) {
	for n := 1; ; n = s.in.Buffered() + 1 {
		_, err := s.in.Peek(n) // an error comes again
		head, _ := s.in.Peek(s.in.Buffered())
		head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
		first, second, _ = bytes.Cut(head, []byte("\n"))
		if second = bytes.TrimLeft(second, "\r\n"); len(second) > 0 || err != nil {
			return first, second
		}
	}
}

// documents reads values that stand on many lines each.
func (s *file) documents(yield func(text []byte, line int, err error) bool) {
	text, err := io.ReadAll(io.LimitReader(s.in, maxValue+1))
	if err == nil && len(text) > maxValue {
		err = fmt.Errorf("more than %d MiB: put each row on a line, or all rows into an array", maxValue>>20)
	}
	if s.err = err; err != nil {
		return
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	dec := json.NewDecoder(bytes.NewReader(text))
	for {
		var value json.RawMessage
		err := dec.Decode(&value)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			s.err = fmt.Errorf("line %d: %w", lineOf(text, faultAt(err, len(text))), errJSON)
			return
		}
		if !yield(value, lineOf(text, int(dec.InputOffset())-len(value)), nil) {
			return
		}
	}
}

var errJSON = errors.New("not valid JSON")

// faultAt returns the offset of a syntax error; end if the text ends too early.
func faultAt(err error, end int) int {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return int(syntax.Offset) - 1 // it counts the byte that is wrong
	}
	return end
}

// lineOf returns the line of an offset, from 1.
func lineOf(text []byte, offset int) int { return 1 + bytes.Count(text[:offset], []byte("\n")) }
