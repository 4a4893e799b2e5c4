package move

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/csvfile"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/enduser"
)

// rows imports the rows of one source.
type rows struct {
	*importing
	vendors.Source
	file   int    // its number
	in     *input // nil: an API that names its rows itself
	handle enduser.Tenant
	taken  int64 // from the source
}

// source imports the rows of a source. The errors of open are about flags and files.
func (i *importing) source(file int, in *input, open func() (vendors.Source, error)) error {
	src, err := open()
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	handle, err := i.handle()
	if err != nil {
		return err
	}
	if table, ok := src.(*csvfile.Source); ok {
		if err := i.rejects.begin(table.RejectedHeader()); err != nil {
			return err
		}
	}
	r := &rows{importing: i, Source: src, file: file, in: in, handle: handle}
	if i.Format == string(vendors.Explo) {
		err = r.groups()
	} else {
		err = r.users()
	}
	// A context that ends ends the source, too, and then all rows that it gave may be answered.
	return cmp.Or(err, i.ctx.Err(), src.Err())
}

// users imports users, many at once.
func (r *rows) users() error {
	var flight []vendors.Row // taken and not answered
	given := func(yield func(enduser.Import) bool) {
		for row := range r.Rows(r.ctx) {
			r.taken++
			flight = append(flight, row)
			in := enduser.Import{Err: row.Err, Spec: enduser.Spec{Name: row.Text}} // what is in memory at a time is counted by fields
			if row.User != nil {
				in = *row.User
			}
			if !yield(in) {
				return
			}
		}
	}
	for result, err := range r.handle.ImportAll(r.ctx, given, &enduser.BulkOptions{DryRun: r.DryRun}) {
		if err != nil && !result.Answered {
			return err
		}
		row := flight[0]
		flight = flight[1:]
		if err := r.answer(&row, result.Outcome, err); err != nil {
			return err
		}
	}
	return nil
}

// atOnce is how many groups are written at a time: a store writes them together.
const atOnce = 32

// groups imports groups.
func (r *rows) groups() error {
	var batch []vendors.Row
	in := make(map[string]bool) // IDs of the batch, as a store may compare them
	for row := range r.Rows(r.ctx) {
		r.taken++
		id := strings.ToLower(row.ID)
		if len(batch) == atOnce || in[id] {
			if err := r.write(batch); err != nil {
				return err
			}
			batch = batch[:0]
			clear(in)
		}
		in[id] = row.ID != ""
		batch = append(batch, row)
	}
	return r.write(batch)
}

// write writes groups, each with an ID of its own, and answers them in their order.
func (r *rows) write(batch []vendors.Row) error {
	outcomes, errs := make([]enduser.Outcome, len(batch)), make([]error, len(batch))
	var all sync.WaitGroup
	for n, row := range batch {
		if errs[n] = row.Err; row.Group == nil {
			continue
		}
		all.Go(func() {
			to := r.handle
			if row.Environment != "" {
				to = to.In(row.Environment)
			}
			_, outcomes[n], errs[n] = to.Groups().Import(r.ctx, *row.Group)
		})
	}
	all.Wait()
	for n := range batch {
		if err := errs[n]; ofAll(err) {
			return err
		}
		if err := r.answer(&batch[n], outcomes[n], errs[n]); err != nil {
			return err
		}
	}
	return nil
}

// answer counts what became of a row.
func (r *rows) answer(row *vendors.Row, outcome enduser.Outcome, err error) error {
	switch {
	case errors.Is(err, enduser.ErrExpired):
		r.done.Expired++
	case err != nil:
		if err := r.reject(row, err); err != nil {
			return err
		}
		r.done.Rejected++
	case outcome == enduser.Created:
		r.done.Created++
	case outcome == enduser.Updated:
		r.done.Updated++
	default:
		r.done.Unchanged++
	}
	r.done.After = position{r.file, row.Position}.String()
	total := r.Total()
	if total == 0 && r.in != nil {
		total = r.in.estimate(r.taken)
	}
	r.show(total)
	return nil
}

// reject names a row that cannot be taken, and keeps it.
func (r *rows) reject(row *vendors.Row, err error) error {
	name := ""
	if r.in != nil {
		name = r.in.name
	}
	r.named(name, row.At, err.Error())
	if table, ok := r.Source.(*csvfile.Source); ok {
		return r.rejects.write(table.Rejected(*row, err))
	}
	note, err := json.Marshal(struct {
		Type  string `json:"type"`
		At    string `json:"at"`
		Error string `json:"error"`
	}{"rejected", row.At, err.Error()})
	if err != nil {
		return err
	}
	if row.Text != "" {
		return r.rejects.write(string(note), row.Text)
	}
	return r.rejects.write(string(note))
}

// ofAll reports whether an error is about more than one row: the import ends.
func ofAll(err error) bool {
	for _, all := range []error{enduser.ErrUnavailable, enduser.ErrUnknown, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, all) {
			return true
		}
	}
	return false
}
