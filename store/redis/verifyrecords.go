package redis

import (
	"context"
	"slices"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

const (
	// verifyMost is the most records whose IDs are read at once, and verifyBytes about how
	// much a script reads to find them.
	verifyMost  = 128
	verifyBytes = 256 << 10

	// verifyRows is how many entries a script checks, or those of one record.
	verifyRows = 256
)

// contents checks what a tenant has, when the walk comes to its records; or to its feed, if it
// has nothing else.
func (v *verify) contents(ctx context.Context, key storedKey) error {
	switch key.letter {
	case recordsKey:
		return v.tenant(ctx, key.space)
	case feedKey:
		vals, err := v.store.read(ctx, key.space, "Verify", short, []any{"hlen", key.space.records()})
		if err != nil || number(vals[0]) > 0 {
			return err
		}
		return v.tenant(ctx, key.space)
	}
	return nil
}

// latest is the highest revision that was read of a tenant, and what has it.
type latest struct {
	revision store.Revision
	id       string // "": an entry of the feed
}

func (v *verify) tenant(ctx context.Context, sp space) error {
	var last latest
	err := v.records(ctx, sp, &last)
	if err == nil {
		err = v.feed(ctx, sp, &last)
	}
	if err != nil {
		return err
	}
	got, err := v.store.readScript(ctx, sp, "Verify", short, v.store.scripts.tenant,
		[]string{sp.records(), sp.feed(), sp.tenants()}, v.mend(), digits(last.revision), last.id)
	switch {
	case err != nil:
		return err
	case !got.is("tenant", 2):
		return unavailable(errReply)
	}
	if got.args[0] == "missing" {
		if err := v.report(store.Finding{Damage: store.MissingTenant, Tenant: sp.tenant, Mended: v.opts.Mend}); err != nil {
			return err
		}
	}
	if got.args[1] == "low" {
		f := store.Finding{Damage: store.LowRevision, Tenant: sp.tenant, ID: last.id, Mended: v.opts.Mend}
		if last.id == "" {
			f.Seq = last.revision
		}
		return v.report(f)
	}
	return nil
}

// feed checks the entries of a tenant's feed.
func (v *verify) feed(ctx context.Context, sp space, last *latest) error {
	for after := store.Revision(0); ; {
		page, err := v.store.readFeed(ctx, sp, "Verify", store.ChangeQuery{After: after, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		for _, c := range page.Changes {
			if c.Damaged {
				if err := v.report(store.Finding{Damage: store.DamagedChange, Tenant: sp.tenant, Seq: c.Seq}); err != nil {
					return err
				}
			}
			if c.Seq > last.revision {
				*last = latest{revision: c.Seq}
			}
		}
		if after = page.Next; after == 0 {
			return nil
		}
	}
}

// records checks all records of a tenant.
func (v *verify) records(ctx context.Context, sp space, last *latest) error {
	most := 8 // until it is known how large they are
	for cursor := ""; cursor != "0"; {
		got, err := v.store.readScript(ctx, sp, "Verify", short, v.store.scripts.ids,
			[]string{sp.records()}, orZero(cursor), strconv.Itoa(most))
		if err != nil {
			return err
		}
		if got.status != "ids" || len(got.args) < 2 {
			return unavailable(errReply)
		}
		size, err := strconv.Atoi(got.args[1])
		if err != nil {
			return unavailable(errReply)
		}
		if most *= 2; size > verifyBytes {
			most /= 4
		}
		most = min(max(most, 1), verifyMost)
		cursor = got.args[0]
		if err := v.recordsOf(ctx, sp, got.args[2:], last); err != nil {
			return err
		}
		if v.read += len(got.args) - 2; v.opts.Progress != nil {
			v.opts.Progress(v.read)
		}
	}
	return nil
}

// recordsOf checks the records with some IDs.
func (v *verify) recordsOf(ctx context.Context, sp space, ids []string, last *latest) error {
	for len(ids) > 0 {
		stored, err := v.store.fetch(ctx, sp, "Verify", ids)
		if err != nil {
			return err
		}
		var batch []store.Record
		rows := 0
		for i, val := range stored {
			text, ok := val.(string)
			if !ok {
				continue
			}
			r, err := decodeRecord(sp.tenant, ids[i], text)
			if err != nil {
				if err := v.report(store.Finding{Damage: store.DamagedRecord, Tenant: sp.tenant, ID: ids[i]}); err != nil {
					return err
				}
				continue
			}
			if r.Revision > last.revision {
				*last = latest{r.Revision, r.ID}
			}
			batch = append(batch, r)
			if rows += len(r.Unique) + len(r.Index) + 3; rows >= verifyRows {
				if err := v.found(ctx, sp, batch, last); err != nil {
					return err
				}
				batch, rows = nil, 0
			}
		}
		if err := v.found(ctx, sp, batch, last); err != nil {
			return err
		}
		ids = ids[len(stored):]
	}
	return nil
}

// found checks whether records are found by all that they should be.
func (v *verify) found(ctx context.Context, sp space, batch []store.Record, last *latest) error {
	if len(batch) == 0 {
		return nil
	}
	keys, args := []string{sp.records(), sp.unique()}, []any{v.mend()}
	for i := range batch {
		r := &batch[i]
		entries := entriesOf(sp, r)
		args = append(args, r.ID, front(r), strconv.Itoa(len(r.Unique)), strconv.Itoa(len(entries)))
		for _, k := range r.Unique {
			args = append(args, uniqueField(k))
		}
		for _, e := range entries {
			at := slices.Index(keys, e.set)
			if at < 0 {
				at, keys = len(keys), append(keys, e.set)
			}
			args = append(args, strconv.Itoa(at+1), e.member, e.score)
		}
	}
	got, err := v.store.readScript(ctx, sp, "Verify", short, v.store.scripts.record, keys, args...)
	if err != nil {
		return err
	}
	if !got.is("records", len(batch)) {
		return unavailable(errReply)
	}
	var changed []string
	for i, result := range got.args {
		if result == "changed" {
			changed = append(changed, batch[i].ID)
		} else if err := v.missing(ctx, sp, &batch[i], result); err != nil {
			return err
		}
	}
	return v.recordsOf(ctx, sp, changed, last)
}

// listEntry is an entry that a sorted set has to have.
type listEntry struct{ set, member, score string }

// entriesOf returns the entries of a record, the one by its Due last.
func entriesOf(sp space, r *store.Record) []listEntry {
	created := digits(r.Created)
	all := []listEntry{{sp.kind(r.Kind), r.ID, created}, {sp.kinds(), r.Kind, "0"}}
	for _, term := range r.Index {
		all = append(all, listEntry{sp.index(r.Kind, term), r.ID, created})
	}
	if due := store.Millis(r.Due); due != 0 {
		all = append(all, listEntry{sp.due(r.Kind), dueMember(due, r.ID), "0"})
	}
	return all
}

// missing reports what a record is not found by: a digit for each key and entry.
func (v *verify) missing(ctx context.Context, sp space, r *store.Record, result string) error {
	for i := range len(result) {
		if result[i] == '0' {
			continue
		}
		f := store.Finding{Damage: store.MissingTerm, Tenant: sp.tenant, ID: r.ID, Mended: result[i] == '2'}
		switch {
		case i < len(r.Unique):
			f.Damage = store.MissingKey
		case i == len(r.Unique)+len(r.Index)+2:
			f.Damage = store.WrongDue
			if _, _, err := v.checkQueue(ctx, sp, r.Kind); err != nil {
				return err
			}
		}
		if err := v.report(f); err != nil {
			return err
		}
	}
	return nil
}
