package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/internal/ndjson"
)

// reader reads the rows of an archive that are to be imported, and checks the rest.
type reader struct {
	i     *importer
	lines *ndjson.Reader
	next  func() (ndjson.Row, bool)
	stop  func()

	ahead *item // the line that was read last; nil: none is left
	row   *item // the row that peek has returned; nil: not yet

	part    bool
	rows    Counts
	bad     int   // rows whose type is not known
	trailer *item // of a whole archive
	behind  bool  // something is behind the trailer
	cut     bool  // the last line was cut off
	line    int   // of the last line
}

func newReader(i *importer, r io.Reader) *reader {
	in := &reader{i: i, lines: ndjson.NewReader(r, MaxRow)}
	in.next, in.stop = iter.Pull(in.lines.Rows())
	in.read()
	return in
}

// read reads a line ahead.
func (in *reader) read() {
	row, ok := in.next()
	if !ok {
		in.ahead = nil
		return
	}
	it := item{err: row.Err}
	if row.Err != nil {
		if e, ok := errors.AsType[*ndjson.Error](row.Err); ok {
			it.err = e.Err // without the line, which the row has
		}
		it.err = fmt.Errorf("%w: %w", ErrRow, it.err)
	} else {
		text := string(row.Text)
		it = parse(text)
		it.text = text
	}
	it.line = row.Line
	in.ahead, in.line = &it, row.Line
}

// header reads the first line.
func (in *reader) header() error {
	it := in.ahead
	switch {
	case it == nil || it.err != nil && it.kind != typeHeader || in.lines.Array():
		if err := in.lines.Err(); err != nil && !errors.Is(err, ndjson.ErrEncoding) {
			return fmt.Errorf("archive: read: %w", err)
		}
		return ErrFormat
	case it.kind != typeHeader || it.version < 1:
		return ErrFormat
	case it.version > Version:
		return fmt.Errorf("%w: %d, and this program knows %d", ErrNewer, it.version, Version)
	case it.err != nil:
		return it.err
	}
	in.part = it.part
	in.read()
	return nil
}

// peek returns the next row that is to be imported, nil if there is none.
func (in *reader) peek(ctx context.Context) *item {
	for in.row == nil && in.ahead != nil && !in.cut {
		it := in.ahead
		in.read()
		if in.counts(it) && it.line > in.i.After && !in.skips(ctx, it) {
			in.row = it
		}
	}
	return in.row
}

func (in *reader) take() { in.row = nil }

// counts counts a line, and reports whether it is a row.
func (in *reader) counts(it *item) bool {
	switch {
	case in.trailer != nil:
		in.behind = true
		return false
	case in.part && (it.kind == typeHeader || it.kind == typeRejected || it.kind == typeTrailer):
		return false
	case it.kind == typeTrailer && it.err == nil:
		in.trailer = it
		return false
	}
	n := in.rows.of(it.kind)
	switch {
	case n != nil:
		*n++
	case errors.Is(it.err, jsontext.ErrSyntax) && in.ahead == nil && !in.part:
		in.cut = true
		return false
	default:
		in.bad++
		if it.err == nil { // a header or the like, where only rows may be
			it.err = fmt.Errorf("%w: its type is none of a row", ErrRow)
		}
	}
	return true
}

// skips counts a row that is not to be imported, and reports whether it is one. Of others it
// checks the tenant.
func (in *reader) skips(ctx context.Context, it *item) bool {
	i := in.i
	if it.kind == "" || it.place.tenant == "" {
		return false
	}
	if i.From != "" && it.place.tenant != i.From || i.DropSealed && it.kind == typeSensitive {
		i.done.Skipped++
		return true
	}
	if it.err != nil {
		return false
	}
	t := i.handle(it.place)
	_, it.err = t.GetAll(ctx, nil) // reads nothing: is the handle valid?
	if it.err == nil && t.ExactIDs() != it.place.exact && !i.IgnoreExactIDs {
		it.err = ErrExactIDs
	}
	return false
}

// end checks that the archive is complete.
func (in *reader) end() error {
	if err := in.lines.Err(); err != nil {
		return fmt.Errorf("archive: read: %w", err)
	}
	if in.part {
		return nil
	}
	has, rows := in.trailer, in.rows
	switch {
	case in.cut:
		return fmt.Errorf("%w: line %d was cut off", ErrIncomplete, in.line)
	case has == nil:
		return fmt.Errorf("%w: the trailer is missing", ErrIncomplete)
	case in.behind:
		return fmt.Errorf("%w: there is something behind the trailer", ErrIncomplete)
	case has.counts.Rows() != rows.Rows()+in.bad, rows.Groups > has.counts.Groups, rows.Users > has.counts.Users,
		rows.Sensitive > has.counts.Sensitive, rows.Webhooks > has.counts.Webhooks:
		return fmt.Errorf("%w: it has %d rows, and the trailer says %d", ErrIncomplete, rows.Rows()+in.bad, has.counts.Rows())
	}
	return nil
}
