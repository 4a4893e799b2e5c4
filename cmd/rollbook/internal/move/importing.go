package move

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/archive"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/csvfile"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/enduser"
)

// importing is one run of an import.
type importing struct {
	*Import
	ctx      context.Context
	env      *cli.Env
	users    *enduser.Manager
	policy   func(tenant string) enduser.Policy
	rejects  *rejects
	progress *cli.Progress

	done   imported
	before imported // what files before the current one gave
}

// imported says what an import has done.
type imported struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Rejected  int `json:"rejected"`
	Expired   int `json:"expired"`
	Skipped   int `json:"skipped"`

	// After is where to go on if the import did not come to its end.
	After string `json:"after,omitempty"`
}

func (r *imported) rows() int64 {
	return int64(r.Created + r.Updated + r.Unchanged + r.Rejected + r.Expired + r.Skipped)
}

// position is a place in the files of an import: FILE:PLACE, with the number of the file.
type position struct {
	file  int // from 1; 0: before everything
	place string
}

func (p position) String() string { return strconv.Itoa(p.file) + ":" + p.place }

func parsePosition(text string) (position, error) {
	if text == "" {
		return position{}, nil
	}
	file, place, ok := strings.Cut(text, ":")
	n, err := strconv.Atoi(file)
	if !ok || err != nil || n < 1 || place == "" {
		return position{}, errors.New("-after: not a position that an import has printed")
	}
	return position{n, place}, nil
}

// all imports all inputs, or what an API gives.
func (i *importing) all(in inputs, after position) error {
	if f, _ := i.vendor(); i.Given() {
		api := &i.API
		api.Log = i.env.Warnings()
		var ids *input
		if f == vendors.Sensay {
			ids = in.joined()
		}
		return i.source(1, ids, func() (vendors.Source, error) {
			if ids == nil {
				return api.Open(f, nil, after.place)
			}
			return api.Open(f, ids, after.place)
		})
	}
	for n, file := range in {
		if n+1 < after.file {
			continue
		}
		place := ""
		if n+1 == after.file {
			place = after.place
		}
		i.before = i.done
		if err := i.file(n+1, file, place); err != nil {
			if file.name != "" && i.ctx.Err() == nil {
				err = fmt.Errorf("%s: %w", file.name, err)
			}
			return err
		}
	}
	return nil
}

// file imports one input.
func (i *importing) file(n int, in *input, place string) error {
	if err := in.open(); err != nil {
		return err
	}
	defer in.close()
	f, isVendor := i.vendor()
	switch {
	case isVendor:
		return i.source(n, in, func() (vendors.Source, error) { return vendors.File(f, in, place) })
	case i.Format == formatCSV:
		return i.source(n, in, func() (vendors.Source, error) { return i.csv(in, place) })
	}
	return i.archive(n, in, place)
}

func (i *importing) csv(in *input, place string) (vendors.Source, error) {
	columns, err := i.columns()
	if err != nil {
		return nil, err
	}
	opts := &csvfile.Options{Columns: columns, After: place}
	for _, r := range i.Separator {
		opts.Separator = r
	}
	return csvfile.Open(in, opts)
}

// archive imports an archive.
func (i *importing) archive(n int, in *input, place string) error {
	after := 0
	if place != "" {
		var err error
		if after, err = strconv.Atoi(place); err != nil || after < 0 {
			return cli.Exit(cli.Usage, errors.New("-after: not a position of an archive"))
		}
	}
	opts := &archive.ImportOptions{
		From: i.Tenant, DropSealed: i.DropSealed, IgnoreExactIDs: i.IgnoreExactIDs, After: after,
		Handle:   func(t enduser.Tenant) enduser.Tenant { return t.With(i.policy(t.Name())).As(i.Actor) },
		Rejected: &archiveRejects{i, in.name, nil},
		Progress: func(r archive.ImportResult) {
			i.archived(n, r)
			i.show(in.estimate(in.lines.Load()))
		},
	}
	if i.FromTenant != "" {
		opts.From, opts.To = i.FromTenant, i.Tenant
	}
	result, err := archive.Import(i.ctx, i.users, in, opts)
	i.archived(n, result)
	if errors.Is(err, archive.ErrFormat) {
		err = fmt.Errorf("%w; -format names other forms", err)
	}
	return err
}

// archived says what has become of the rows of the current archive.
func (i *importing) archived(n int, r archive.ImportResult) {
	b := i.before
	i.done = imported{
		Created: b.Created + r.Created, Updated: b.Updated + r.Updated, Unchanged: b.Unchanged + r.Unchanged,
		Rejected: b.Rejected + r.Rejected, Expired: b.Expired + r.Expired, Skipped: b.Skipped + r.Skipped,
		After: position{n, strconv.Itoa(r.Line)}.String(),
	}
}

// show shows how far the import is. Total is how many rows the current input has, 0 if nobody
// knows.
func (i *importing) show(total int64) {
	if total > 0 {
		total += i.before.rows()
	}
	i.progress.SetOf(i.done.rows(), total)
}

// end says what was done, or where to go on.
func (i *importing) end(err error) error {
	r := i.done
	if err == nil {
		i.progress.SetOf(r.rows(), r.rows()) // no longer an estimate
	}
	i.progress.End()
	if err != nil {
		if r.After != "" && r.rows() > 0 {
			i.progress.Note(r, fmt.Sprintf("ended after %d rows: the same command takes it up again; with -after %s it goes on from there", r.rows(), r.After))
		}
		return err
	}
	r.After = ""
	number := func(n int, always bool) string {
		if n == 0 && !always {
			return ""
		}
		return strconv.Itoa(n)
	}
	err = i.env.Result(r,
		[2]string{"created", number(r.Created, true)},
		[2]string{"updated", number(r.Updated, true)},
		[2]string{"unchanged", number(r.Unchanged, true)},
		[2]string{"expired", number(r.Expired, false)},
		[2]string{"skipped", number(r.Skipped, false)},
		[2]string{"rejected", number(r.Rejected, true)},
	)
	if err == nil && r.Rejected > 0 {
		return cli.Exit(cli.Rejected, fmt.Errorf("rejected rows: %d", r.Rejected))
	}
	return err
}
