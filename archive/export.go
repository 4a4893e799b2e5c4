package archive

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"github.com/rollbook-go/rollbook/enduser"
)

// ExportOptions are the settings of Export. The zero value exports all tenants without secrets.
type ExportOptions struct {
	Tenant      string              // only this one; "": all
	Environment enduser.Environment // only this one; "": both

	// Sealed exports sensitive values and the tokens of groups, as they are sealed in the store.
	// Whoever has the file and the keyring can read them.
	Sealed bool

	// Skip is called with each record that cannot be read, an *enduser.UnreadableError. If it
	// returns nil the record is left out and counted, else Export ends with the error. Nil:
	// Export ends with the first one.
	Skip func(t enduser.Tenant, err error) error

	// Progress is called from time to time, and at the end, with what was written so far.
	Progress func(ExportResult)
}

// ExportResult says what Export has written.
type ExportResult struct {
	Counts
	Skipped int // records that could not be read
}

// Export writes an archive; see the package. It holds a page of records at a time, and of all
// tenants the names of some thousands. It reads while others write: each record is as it was when
// it was read, and none is missed that existed and did not change environments from the beginning
// to the end. A tenant without rows is not in it. After an error the file has no trailer.
func Export(ctx context.Context, m *enduser.Manager, w io.Writer, opts *ExportOptions) (ExportResult, error) {
	e := exporter{m: m, w: bufio.NewWriterSize(w, 64<<10)}
	if opts != nil {
		e.ExportOptions = *opts
	}
	err := e.line(appendHeader(e.buf[:0], false))
	if err == nil {
		err = e.places(ctx)
	}
	if err == nil {
		err = e.line(appendTrailer(e.buf[:0], &e.done))
	}
	if err == nil {
		err = e.w.Flush()
	}
	if err == nil {
		e.progress()
	}
	return e.done, err
}

type exporter struct {
	ExportOptions
	m    *enduser.Manager
	w    *bufio.Writer
	buf  []byte
	done ExportResult
}

// line writes a line.
func (e *exporter) line(b []byte) error {
	e.buf = append(b, '\n')
	_, err := e.w.Write(e.buf)
	return err
}

func (e *exporter) progress() {
	if e.Progress != nil {
		e.Progress(e.done)
	}
}

// places exports all that is asked for, place by place.
func (e *exporter) places(ctx context.Context) error {
	if e.Tenant != "" {
		for _, p := range variants(e.Tenant) {
			if err := e.place(ctx, p); err != nil {
				return err
			}
		}
		return nil
	}
	for after := (place{}); ; {
		next, err := nextPlaces(e.m.Tenants(ctx, nil), after)
		if err != nil {
			return err
		}
		for _, p := range next {
			if err := e.place(ctx, p); err != nil {
				return err
			}
			after = p
		}
		if len(next) == 0 {
			return nil
		}
	}
}

// variants returns all places of a tenant, in their order.
func variants(tenant string) []place {
	return []place{
		{tenant, enduser.Customer, false},
		{tenant, enduser.Customer, true},
		{tenant, enduser.Testing, false},
		{tenant, enduser.Testing, true},
	}
}

// placesAtOnce is of how many places the names are in memory.
const placesAtOnce = 4096

// nextPlaces returns the first places after one, in the order of archives. Stores list them in
// orders of their own, so all are read each time.
func nextPlaces(all iter.Seq2[enduser.TenantInfo, error], after place) ([]place, error) {
	next := make([]place, 0, 2*placesAtOnce)
	for info, err := range all {
		if err != nil {
			return nil, err
		}
		p := place{info.Name, info.Environment, info.ExactIDs}
		if comparePlaces(p, after) <= 0 {
			continue
		}
		if next = append(next, p); len(next) == cap(next) {
			next = firstPlaces(next)
		}
	}
	return firstPlaces(next), nil
}

func firstPlaces(places []place) []place {
	slices.SortFunc(places, comparePlaces)
	places = slices.Compact(places) // a store may show one again that was written to meanwhile
	return places[:min(len(places), placesAtOnce)]
}

func comparePlaces(a, b place) int {
	exact := func(p place) int {
		if p.exact {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.env, b.env), cmp.Compare(exact(a), exact(b)))
}

// place exports a place.
func (e *exporter) place(ctx context.Context, p place) error {
	if e.Environment != "" && e.Environment != p.env {
		return nil
	}
	t := p.handle(e.m)
	err := exportAll(e, t, typeGroup, t.Groups().All(ctx), func(b []byte, g *enduser.Group) []byte {
		return appendGroup(b, p, g, e.Sealed)
	})
	if err == nil {
		err = exportAll(e, t, typeUser, t.All(ctx, enduser.Filter{}), func(b []byte, u *enduser.User) []byte {
			return appendUser(b, p, u)
		})
	}
	if err == nil && e.Sealed {
		err = exportAll(e, t, typeSensitive, t.AllSealed(ctx), func(b []byte, s *enduser.SealedValues) []byte {
			return appendSensitive(b, p, s)
		})
	}
	if err == nil {
		err = exportAll(e, t, typeWebhook, t.Webhooks().All(ctx), func(b []byte, h *enduser.Webhook) []byte {
			return appendWebhook(b, p, h)
		})
	}
	return err
}

// progressEvery is after how many rows Progress is called.
const progressEvery = 1000

// exportAll exports the rows of one type.
func exportAll[T any](e *exporter, t enduser.Tenant, kind string, all iter.Seq2[T, error], appendRow func([]byte, *T) []byte) error {
	count := e.done.of(kind)
	for item, err := range all {
		if _, one := errors.AsType[*enduser.UnreadableError](err); one && e.Skip != nil {
			if err = e.Skip(t, err); err == nil {
				e.done.Skipped++
				continue
			}
		}
		if err == nil {
			err = e.line(appendRow(e.buf[:0], &item))
		}
		if err != nil {
			return err
		}
		if *count++; e.done.Rows()%progressEvery == 0 {
			e.progress()
		}
	}
	return nil
}
