package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rollbook-go/rollbook/enduser"
)

// ImportOptions are the settings of Import. The zero value imports all rows into the tenants that
// they name, and ends at the first row that is rejected.
type ImportOptions struct {
	// From imports only the rows of this tenant, and counts the others as skipped. Empty: all.
	From string

	// To is the tenant into which the rows of From are imported instead. What is sealed cannot
	// be opened for another tenant: set DropSealed, too.
	To string

	// DropSealed leaves sealed values out, and gives new groups new tokens.
	DropSealed bool

	// IgnoreExactIDs also imports rows of users and groups whose tenant compared external IDs in
	// another way there than its schema says here; see enduser.Schema.ExactIDs. IDs that become
	// the same are conflicts, and what is sealed needs DropSealed. Without it such a row is
	// rejected as ErrExactIDs.
	IgnoreExactIDs bool

	// Handle returns the handle that writes into a tenant: with an actor or a policy. Nil: with
	// neither, as enduser.Manager.Tenant returns it.
	Handle func(t enduser.Tenant) enduser.Tenant

	// After is the last line that an earlier call has answered: its ImportResult.Line. Lines up
	// to there are read, and counted against the trailer, and not imported. 0: none.
	After int

	// Rejected gets the rows that were rejected, each behind a line that says why, as a part of
	// an archive: a header with "part":true, and no trailer. Correct the rows there and import
	// it: lines that say why are passed over, also in parts that were put together. Of a row
	// that is no text (invalid UTF-8, a NUL, more than MaxRow bytes) only the first line is
	// there. It has all rejected rows up to ImportResult.Line, and some twice if an import that
	// was interrupted is taken up. Nil: Import ends at the first one with a *RowError.
	Rejected io.Writer

	// Progress is called after each row that was answered. By then, a row that was rejected has
	// been written to Rejected.
	Progress func(ImportResult)
}

// ImportResult says what Import has done.
type ImportResult struct {
	// Line is the last line up to which every row is answered: written, unchanged, rejected,
	// expired or skipped. Some behind it may have been written, too.
	Line int

	Created, Updated, Unchanged int // rows, by what became of users, groups, values or webhooks

	Rejected int // rows that are in ImportOptions.Rejected
	Expired  int // users whose deadline has passed, and values
	Skipped  int // rows of other tenants, and values with DropSealed
}

// Import reads an archive, or a part of one, and writes what is in it; see the package. Rows may
// come in any order, but for values, which are rejected before their user.
//
// A row is rejected if it is invalid (ErrRow), or for an error of package enduser that is about
// this row alone: ErrInvalid, ErrConflict, ErrCorrupt, ErrNoKey and others. Nothing of that row
// was written, and Import goes on. Any other error ends it: ErrUnavailable, ErrUnknown, that of
// the context, of the reader or of Rejected. Then call it again, with After or from the start.
// At the end, ErrIncomplete says that the file was cut off.
//
// Lines may end with CRLF; a byte order mark and blank lines are passed over. At most some
// thousands of rows, and little more than 8 MiB of them, are in memory.
func Import(ctx context.Context, m *enduser.Manager, r io.Reader, opts *ImportOptions) (ImportResult, error) {
	i := importer{m: m}
	if opts != nil {
		i.ImportOptions = *opts
	}
	if i.To != "" && i.From == "" {
		return ImportResult{}, errors.New("archive: ImportOptions.To needs From")
	}
	i.done.Line = i.After
	in := newReader(&i, r)
	defer in.stop()
	err := in.header()
	if err == nil {
		err = i.rows(ctx, in)
	}
	if err == nil {
		err = in.end()
	}
	if err == nil {
		i.done.Line = in.line
	}
	return i.done, err
}

type importer struct {
	ImportOptions
	m     *enduser.Manager
	done  ImportResult
	began bool // Rejected has its header
}

// rows imports all rows.
func (i *importer) rows(ctx context.Context, in *reader) error {
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		it := in.peek(ctx)
		switch {
		case it == nil:
			return nil
		case it.kind == typeUser && it.err == nil:
			if err := i.users(ctx, in, it.place); err != nil {
				return err
			}
			continue
		}
		in.take()
		outcome, err := enduser.Outcome(0), it.err
		if err == nil {
			outcome, err = i.one(ctx, it)
		}
		if whole(err) {
			return err
		}
		if err := i.answer(it, outcome, err); err != nil {
			return err
		}
	}
}

// maxPending is how many bytes of rows wait for their answers.
const maxPending = 8 << 20

// users imports the rows of users of one place that come next, many at once.
func (i *importer) users(ctx context.Context, in *reader, p place) error {
	var pending []*item
	bytes := 0
	rows := func(yield func(enduser.Import) bool) {
		for bytes < maxPending {
			it := in.peek(ctx)
			if it == nil || it.err == nil && (it.kind != typeUser || it.place != p) {
				return
			}
			in.take()
			pending, bytes = append(pending, it), bytes+len(it.text)
			it.user.Err = it.err
			if !yield(it.user) {
				return
			}
		}
	}
	for result, err := range i.handle(p).ImportAll(ctx, rows, nil) {
		if err != nil && !result.Answered {
			return err
		}
		it := pending[0]
		pending[0] = nil
		pending, bytes = pending[1:], bytes-len(it.text)
		if err := i.answer(it, result.Outcome, err); err != nil {
			return err
		}
	}
	return nil
}

// one imports a row of another type.
func (i *importer) one(ctx context.Context, it *item) (outcome enduser.Outcome, err error) {
	t := i.handle(it.place)
	switch it.kind {
	case typeGroup:
		if i.DropSealed {
			it.group.SealedToken = nil
		}
		_, outcome, err = t.Groups().Import(ctx, it.group)
	case typeSensitive:
		outcome, err = t.ImportSealed(ctx, it.sensitive)
	case typeWebhook:
		_, outcome, err = t.Webhooks().Import(ctx, it.webhook)
	}
	return outcome, err
}

// handle returns the handle that writes what is of a place.
func (i *importer) handle(p place) enduser.Tenant {
	if i.To != "" {
		p.tenant = i.To
	}
	t := i.m.Tenant(p.tenant).In(p.env)
	if i.Handle != nil {
		t = i.Handle(t)
	}
	return t
}

// whole reports whether an error of a call for one row is not about this row.
func whole(err error) bool {
	for _, of := range []error{
		enduser.ErrUnavailable, enduser.ErrUnknown, enduser.ErrAborted, enduser.ErrInTransaction, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// answer counts what became of a row.
func (i *importer) answer(it *item, outcome enduser.Outcome, err error) error {
	switch {
	case errors.Is(err, enduser.ErrExpired):
		i.done.Expired++
	case err != nil:
		if err := i.reject(it, err); err != nil {
			return err
		}
		i.done.Rejected++
	case outcome == enduser.Created:
		i.done.Created++
	case outcome == enduser.Updated:
		i.done.Updated++
	default:
		i.done.Unchanged++
	}
	i.done.Line = it.line
	if i.Progress != nil {
		i.Progress(i.done)
	}
	return nil
}

// reject writes a row to Rejected.
func (i *importer) reject(it *item, why error) error {
	if i.Rejected == nil {
		return &RowError{it.line, why}
	}
	var b []byte
	if !i.began {
		b = append(appendHeader(b, true), '\n')
	}
	b = append(appendRejected(b, it.line, why), '\n')
	if it.text != "" {
		b = append(append(b, it.text...), '\n')
	}
	if _, err := i.Rejected.Write(b); err != nil {
		return fmt.Errorf("archive: write a rejected row: %w", err)
	}
	i.began = true
	return nil
}
