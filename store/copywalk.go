package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// skipper decides what to do about something damaged: an error ends the walk.
type skipper func(Finding) error

// skip is the skipper of the source.
func (c *copier) skip(f Finding) error {
	err := error(&DamagedError{ID: f.ID})
	if c.opts.Damaged != nil {
		err = c.opts.Damaged(f)
	}
	if err == nil {
		c.add(CopyResult{Skipped: 1})
	}
	return err
}

// skipNothing is the skipper of the target.
func skipNothing(f Finding) error { return &DamagedError{ID: f.ID} }

// tenantsOf yields the names of all tenants of a store.
func tenantsOf(ctx context.Context, s Store) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for q := (TenantQuery{Limit: MaxLimit}); ; {
			page, err := s.Tenants(ctx, q)
			if err != nil {
				yield("", err)
				return
			}
			for _, name := range page.Names {
				if !yield(name, nil) {
					return
				}
			}
			if q.After = page.Next; q.After == "" {
				return
			}
		}
	}
}

// newest returns the record of a kind that was created last, the zero Record if there is none.
func newest(ctx context.Context, s Store, tenant, kind string) (Record, error) {
	for q := (Query{Kind: kind, Desc: true, Limit: 1}); ; {
		page, err := s.List(ctx, tenant, q)
		switch {
		case err != nil:
			return Record{}, err
		case len(page.Damaged) > 0:
			return Record{}, &DamagedError{ID: page.Damaged[0]}
		case len(page.Records) > 0:
			return page.Records[0], nil
		case page.Next == 0:
			return Record{}, nil
		}
		q.Before = page.Next
	}
}

// newestChange returns the newest entry of a feed, the zero Change if there is none.
func newestChange(ctx context.Context, s Store, tenant string) (Change, error) {
	for q := (ChangeQuery{Desc: true, Limit: 1}); ; {
		page, err := s.Changes(ctx, tenant, q)
		if err != nil {
			return Change{}, err
		}
		if len(page.Changes) > 0 {
			return page.Changes[0], nil
		}
		if q.Before = page.Next; q.Before == 0 {
			return Change{}, nil
		}
	}
}

// recordsOf yields the records of a kind that were created after a revision, in that order.
func recordsOf(ctx context.Context, s Store, tenant, kind string, after Revision, damaged skipper) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for q := (Query{Kind: kind, After: after, Limit: MaxLimit}); ; {
			page, err := s.List(ctx, tenant, q)
			for _, id := range page.Damaged {
				if err == nil {
					err = damaged(Finding{Damage: DamagedRecord, Tenant: tenant, ID: id})
				}
			}
			if err != nil {
				yield(Record{}, err)
				return
			}
			for i := range page.Records {
				if !yield(page.Records[i], nil) {
					return
				}
			}
			if q.After = page.Next; q.After == 0 {
				return
			}
		}
	}
}

// changesOf yields the entries of a feed after a revision. After 0 it begins with the oldest
// that is there, and sets trimmed, unless it is nil, to the last one that was forgotten.
func changesOf(
	ctx context.Context, s Store, tenant string, after Revision, trimmed *Revision, damaged skipper,
) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for q := (ChangeQuery{After: after, Limit: MaxLimit}); ; {
			page, err := s.Changes(ctx, tenant, q)
			if forgotten, ok := errors.AsType[*TrimmedError](err); ok && q.After == 0 && trimmed != nil {
				*trimmed, q.After = forgotten.Through, forgotten.Through
				continue
			}
			if err != nil {
				yield(Change{}, changedMeanwhile(err))
				return
			}
			for _, ch := range page.Changes {
				if ch.Damaged {
					if err := damaged(Finding{Damage: DamagedChange, Tenant: tenant, Seq: ch.Seq}); err != nil {
						yield(Change{}, err)
						return
					}
				} else if !yield(ch, nil) {
					return
				}
			}
			if q.After = page.Next; q.After == 0 {
				return
			}
		}
	}
}

// changedMeanwhile turns the errors that a copy can only have if somebody else writes into
// ErrSourceChanged.
func changedMeanwhile(err error) error {
	for _, only := range []error{ErrStale, ErrTaken, ErrTrimmed, ErrInvalid} {
		if errors.Is(err, only) && !errors.Is(err, ErrUnknown) {
			return fmt.Errorf("%w: %w", ErrSourceChanged, err)
		}
	}
	return err
}

// How large a part becomes. A target may do nothing else while it takes one (Redis: 2 ms for 250
// records, 7 ms for 1,000), and larger ones are hardly faster.
const (
	partItems = 250         // records, and entries
	partBytes = MaxPageData // of bodies and notes, but for the last item
)

// filler makes parts of records and entries.
type filler struct {
	part Part
	size int
	emit func(Part) error
}

func (f *filler) record(r Record) error {
	if err := f.room(len(f.part.Records)); err != nil {
		return err
	}
	f.part.Records = append(f.part.Records, r)
	f.size += len(r.Data)
	return nil
}

func (f *filler) change(ch Change, trimmed Revision) error {
	if err := f.room(len(f.part.Changes)); err != nil {
		return err
	}
	f.part.Changes = append(f.part.Changes, ch)
	f.part.Trimmed = trimmed
	f.size += len(ch.Note)
	return nil
}

// room emits the part if it is full.
func (f *filler) room(n int) error {
	if n == partItems || f.size >= partBytes {
		return f.flush()
	}
	return nil
}

func (f *filler) flush() error {
	p := f.part
	f.part, f.size = Part{}, 0
	if len(p.Records)+len(p.Changes) == 0 {
		return nil
	}
	return f.emit(p)
}

// compareTenant returns ErrSourceChanged if a tenant is not the same in both stores.
func (c *copier) compareTenant(ctx context.Context, tenant string) error {
	kinds, _, err := Kinds(ctx, c.src, tenant)
	if err != nil {
		return err
	}
	more, _, err := Kinds(ctx, c.dst, tenant)
	if err != nil {
		return err
	}
	kinds = append(kinds, more...)
	slices.Sort(kinds)
	some := false
	for _, kind := range slices.Compact(kinds) {
		n, err := inStep(
			recordsOf(ctx, c.src, tenant, kind, 0, c.skip), recordsOf(ctx, c.dst, tenant, kind, 0, skipNothing),
			sameRecord, func(n int) { c.add(CopyResult{Records: n}) },
		)
		if err != nil {
			return err
		}
		some = some || n > 0
	}
	var theirs, mine Revision
	n, err := inStep(
		changesOf(ctx, c.src, tenant, 0, &theirs, c.skip), changesOf(ctx, c.dst, tenant, 0, &mine, skipNothing),
		sameChange, func(n int) { c.add(CopyResult{Changes: n}) },
	)
	switch {
	case err != nil:
		return err
	case n > 0 && theirs != mine:
		return ErrSourceChanged
	case n > 0 || some:
		c.add(CopyResult{Tenants: 1})
	}
	return nil
}

// inStep walks both sequences to their ends, and returns how many items they have. It returns
// ErrSourceChanged if they differ. It calls add with parts of that number.
func inStep[T any](theirs, mine iter.Seq2[T, error], same func(a, b T) bool, add func(n int)) (int, error) {
	next, stop := iter.Pull2(mine)
	defer stop()
	n, added := 0, 0
	for a, err := range theirs {
		if err != nil {
			return n, err
		}
		b, err, ok := next()
		switch {
		case err != nil:
			return n, err
		case !ok || !same(a, b):
			return n, ErrSourceChanged
		}
		if n++; n-added == MaxLimit {
			add(n - added)
			added = n
		}
	}
	if _, err, ok := next(); err != nil || ok {
		return n, cmp.Or(err, ErrSourceChanged)
	}
	add(n - added)
	return n, nil
}

// noOthers returns ErrSourceChanged if the target has tenants that the source does not have.
func (c *copier) noOthers(ctx context.Context) error {
	n := 0
	for _, err := range tenantsOf(ctx, c.dst) {
		if err != nil {
			return err
		}
		n++
	}
	if n == c.done.Tenants { // all of them were compared
		return nil
	}
	err := c.eachTenant(ctx, c.dst, c.checkTarget)
	if errors.Is(err, ErrNotEmpty) {
		return fmt.Errorf("%w: it has another tenant", ErrSourceChanged)
	}
	return err
}

func sameRecord(a, b Record) bool {
	return a.ID == b.ID && a.Kind == b.Kind && a.Created == b.Created && a.Revision == b.Revision &&
		slices.Equal(a.Unique, b.Unique) && slices.Equal(a.Index, b.Index) && a.Due.Equal(b.Due) && bytes.Equal(a.Data, b.Data)
}

func sameChange(a, b Change) bool {
	return a.Seq == b.Seq && a.Revision == b.Revision && a.Type == b.Type && a.Kind == b.Kind && a.ID == b.ID &&
		bytes.Equal(a.Note, b.Note)
}
