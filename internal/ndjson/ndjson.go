// Package ndjson reads rows of JSON as people have them in files: one value on each line
// (NDJSON, JSON Lines), or one array of values.
//
// It takes a byte order mark, CRLF, blank lines and a last line without an end. It finds where
// rows begin and end, and does not check that they are JSON: give Row.Text to package jsontext.
package ndjson

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"
)

// The reasons for which rows cannot be read, for errors.Is.
var (
	ErrEncoding = errors.New("not UTF-8")
	ErrUTF16    = fmt.Errorf("in UTF-16 or UTF-32, %w", ErrEncoding)
	ErrNUL      = errors.New("a NUL byte")
	ErrTooLong  = errors.New("the row is too long")
	ErrArray    = errors.New("not a whole JSON array")
)

// Error says on which line something could not be read, and why. It never quotes the text.
type Error struct {
	Line int // from 1
	Err  error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// DefaultMaxRow is how many bytes a row may have unless NewReader is told otherwise.
const DefaultMaxRow = 1 << 20

// Row is one row.
type Row struct {
	Number int    // from 0
	Line   int    // on which it begins, from 1
	Text   []byte // without white space around it; valid until the next row

	// Err is why this row alone cannot be read: an *Error with ErrEncoding, ErrNUL or
	// ErrTooLong. It has no Text then.
	Err error
}

// Reader reads rows. It keeps one row in memory.
type Reader struct {
	in    *bufio.Reader
	most  int
	row   int
	line  int    // of the next byte, from 1
	text  []byte // of the row, as far as it was read
	long  bool   // the row has more than text
	array bool
	err   error
}

// NewReader returns a reader of the rows of r, of at most maxRow bytes each; 0: DefaultMaxRow.
func NewReader(r io.Reader, maxRow int) *Reader {
	return &Reader{in: bufio.NewReader(r), most: cmp.Or(maxRow, DefaultMaxRow), line: 1}
}

// Rows returns all rows. It can be walked once. After the last row, Err says whether there was
// more to read.
func (r *Reader) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		if r.err = r.begin(); r.err != nil {
			return
		}
		if r.array {
			r.err = r.items(yield)
		} else {
			r.err = r.lines(yield)
		}
	}
}

// Err returns why no further row can be read, nil if there is none: an *Error with ErrUTF16, with
// ErrArray, or with the error of the reader below.
func (r *Reader) Err() error { return r.err }

// Array reports whether the rows are the items of an array. It is known once Rows was called.
func (r *Reader) Array() bool { return r.array }

func (r *Reader) fail(err error) error { return &Error{r.line, err} }

// begin reads up to the first row.
func (r *Reader) begin() error {
	first, _ := r.in.Peek(3) // the error comes again with what is behind these
	switch {
	case bytes.HasPrefix(first, []byte{0xff, 0xfe}), bytes.HasPrefix(first, []byte{0xfe, 0xff}),
		bytes.IndexByte(first[:min(len(first), 2)], 0) >= 0: // as ASCII has in these
		return r.fail(ErrUTF16)
	case bytes.HasPrefix(first, []byte("\ufeff")):
		_, _ = r.in.Discard(3) // never fails: Peek had them
	}
	c, err := r.skip()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return r.fail(err)
	}
	if r.array = c == '['; !r.array {
		_ = r.in.UnreadByte() // never fails after ReadByte
	}
	return nil
}

// skip skips white space and returns the byte behind it.
func (r *Reader) skip() (byte, error) {
	for {
		c, err := r.in.ReadByte()
		if err != nil || !isSpace(c) {
			return c, err
		}
		r.count(c)
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (r *Reader) count(c byte) {
	if c == '\n' {
		r.line++
	}
}

// lines reads a row from each line that is not blank.
func (r *Reader) lines(yield func(Row) bool) error {
	for {
		part, err := r.in.ReadSlice('\n')
		r.add(part)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return r.fail(err)
		}
		if (len(trim(r.text)) > 0 || r.long) && !r.yield(yield, r.line) {
			return nil
		}
		if err != nil {
			return nil //nolint:nilerr // the end
		}
		r.text, r.long = r.text[:0], false
		r.line++
	}
}

// add adds a part of a row to its text, unless the row is too long.
func (r *Reader) add(part []byte) {
	const ends = 2 // CR, LF
	if r.long = r.long || len(r.text)+len(part) > r.most+ends; !r.long {
		r.text = append(r.text, part...)
	}
}

// yield yields the row that was read.
func (r *Reader) yield(yield func(Row) bool, line int) bool {
	row := Row{Number: r.row, Line: line, Text: trim(r.text)}
	r.row++
	var err error
	switch {
	case r.long || len(row.Text) > r.most:
		err = ErrTooLong
	case bytes.IndexByte(row.Text, 0) >= 0:
		err = ErrNUL
	case !utf8.Valid(row.Text):
		err = ErrEncoding
	}
	if err != nil {
		row.Text, row.Err = nil, &Error{line, err}
	}
	return yield(row)
}

// trim removes the white space of JSON. That of Unicode belongs to the row, and is a fault there.
func trim(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }

// items reads a row from each item of an array, behind its bracket.
func (r *Reader) items(yield func(Row) bool) error {
	for first := true; ; first = false {
		c, err := r.skip()
		switch {
		case err != nil:
			return r.cutOff(err)
		case c == ']' && first:
			return r.end()
		case c == ']' || c == ',':
			return r.fail(ErrArray)
		}
		_ = r.in.UnreadByte() // never fails after ReadByte
		line := r.line
		end, err := r.item()
		if err != nil {
			return r.cutOff(err)
		}
		if !r.yield(yield, line) {
			return nil
		}
		if end == ']' {
			return r.end()
		}
	}
}

// item reads an item up to the comma or bracket that ends it, which it returns.
func (r *Reader) item() (byte, error) {
	r.text, r.long = r.text[:0], false
	depth, inString := 0, false
	var one [1]byte
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return 0, err
		}
		r.count(c)
		switch {
		case inString && c == '\\': // the next byte ends nothing
			one[0] = c
			r.add(one[:])
			if c, err = r.in.ReadByte(); err != nil {
				return 0, err
			}
			r.count(c)
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			depth++
		case depth == 0 && (c == ',' || c == ']'):
			return c, nil
		case c == '}', c == ']':
			depth--
		}
		one[0] = c
		r.add(one[:])
	}
}

// end checks that nothing follows the array.
func (r *Reader) end() error {
	_, err := r.skip()
	switch {
	case err == nil:
		return r.fail(ErrArray)
	case errors.Is(err, io.EOF):
		return nil
	}
	return r.fail(err)
}

// cutOff returns the error of an array that ends before its end.
func (r *Reader) cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		err = ErrArray
	}
	return r.fail(err)
}
