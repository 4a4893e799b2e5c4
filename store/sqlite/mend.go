package sqlite

import (
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

const (
	sqlMendSpace = `UPDATE rollbook_record SET space = ? WHERE rid = ? AND space <> ?`
	sqlMendTerm  = `INSERT INTO rollbook_term (created, rid, space, value) VALUES (?, ?, ?, ?)
		ON CONFLICT (space, value, created) DO UPDATE SET rid = excluded.rid WHERE rid <> excluded.rid`
	sqlTermRow      = `SELECT rid FROM rollbook_term WHERE space = ? AND value = ? AND created = ?`
	sqlLastRevision = `SELECT max((SELECT ifnull(max(revision), 0) FROM rollbook_record WHERE tenant = ?1),
		(SELECT ifnull(max(n), 0) & ((1 << 38) - 1) FROM rollbook_change WHERE n > ?1 << 38 AND n < (?1 + 1) << 38))`
	sqlMendKeys  = `DELETE FROM rollbook_key WHERE space = ? AND NOT EXISTS (SELECT 1 FROM rollbook_space WHERE n = ?)`
	sqlMendTerms = `DELETE FROM rollbook_term WHERE space = ? AND NOT EXISTS (SELECT 1 FROM rollbook_space WHERE n = ?)`
)

// mending mends what Verify has found in a tenant. It checks everything again: what a read has
// shown may be right now, or gone.
type mending struct {
	tenant string
	found  []*suspect
}

func (m *mending) run(tx *transaction) (_ store.Revision, refused, failed error) {
	t, failed := tx.tenant(m.tenant)
	if failed != nil {
		return 0, nil, failed
	}
	tx.rewritten = true
	for _, f := range m.found {
		f.Mended = false // if this runs again, in another transaction
		if failed := f.fix(tx, t); failed != nil {
			return 0, nil, failed
		}
	}
	return 0, nil, nil
}

func (f *suspect) fix(tx *transaction, t *tenant) error {
	switch f.Damage {
	case store.MissingKey, store.MissingTerm:
		return f.fixMissing(tx, t)
	case store.StrayKey, store.StrayTerm:
		if f.space != 0 {
			return f.fixSpace(tx)
		}
		return f.fixStray(tx, t)
	case store.WrongDue:
		f.Mended = true
		if t.n == 0 {
			return tx.exec(sqlUnschedule, f.kind, f.Tenant)
		}
		tx.reschedule(t, f.kind)
		return nil
	case store.LowRevision:
		return f.fixRevision(tx, t)
	default:
		return nil
	}
}

func (f *suspect) fixMissing(tx *transaction, t *tenant) error {
	var s stored
	if t.n != 0 {
		if err := tx.find(t.n, f.ID, &s); err != nil {
			return err
		}
	}
	unique, index, err := parseKeys(s.keys)
	if f.over = !s.found || err != nil || s.kind != f.kind; f.over {
		return nil
	}
	switch {
	case f.Damage == store.MissingKey:
		if f.over = !slices.Contains(unique, f.key); f.over {
			return nil
		}
		return f.fixKey(tx, t, s.rid)
	case f.key == store.Key{}:
		records, err := tx.makeSpace(t, space{record: s.kind})
		if err != nil {
			return err
		}
		tx.reschedule(t, s.kind)
		f.Mended = true
		return tx.exec(sqlMendSpace, records, s.rid, records)
	}
	if f.over = !slices.Contains(index, f.key); f.over {
		return nil
	}
	terms, err := tx.makeSpace(t, termsOf(s.kind, f.key))
	if err != nil {
		return err
	}
	f.Mended = true
	return tx.exec(sqlMendTerm, s.created, s.rid, terms, f.key.Value)
}

// fixKey has a key lead to a record that lists it, unless it is another's.
func (f *suspect) fixKey(tx *transaction, t *tenant, rid int64) error {
	has, found, err := tx.keyRow(t, f.key)
	if err != nil {
		return err
	}
	if found {
		if f.over = has == rid; f.over {
			return nil
		}
		_, held, err := tx.holder(t.n, has, f.key)
		if held || errors.Is(err, store.ErrDamaged) {
			return nil
		}
		if err == nil {
			err = tx.release(t, f.key)
		}
		if err != nil {
			return err
		}
	}
	f.Mended, err = tx.claim(t, f.key, rid)
	return err
}

// fixStray deletes a row that leads to no record which has it.
func (f *suspect) fixStray(tx *transaction, t *tenant) (err error) {
	at := keysOf(f.key.Kind)
	if f.Damage == store.StrayTerm {
		at = termsOf(f.kind, f.key)
	}
	n, err := tx.space(t, at)
	if err != nil {
		return err
	}
	row := tx.row[:1]
	var found bool
	if f.Damage == store.StrayKey {
		found, err = tx.s.row(sqlKeyRow, row, n, f.key.Value)
	} else {
		found, err = tx.s.row(sqlTermRow, row, n, f.key.Value, f.created)
	}
	if f.over = !found; f.over || err != nil {
		return err
	}
	var rid int64
	if err := scan(row, &rid); err != nil {
		return err
	}
	e := led{value: f.key.Value, created: f.created}
	if found, err = tx.s.row(sqlRecord, row, rid, t.n); err != nil {
		return err
	}
	if found {
		var r recordRow
		if err := r.Scan(row[0]); err != nil {
			return err
		}
		if f.over = e.isOfRecord(at, &r); f.over {
			return nil
		}
	}
	f.Mended = true
	if f.Damage == store.StrayKey {
		return tx.release(t, f.key)
	}
	return tx.exec(sqlDeleteTerm, n, f.key.Value, f.created)
}

// isOfRecord is isOf for a record as the writer reads it.
func (e *led) isOfRecord(at space, r *recordRow) bool {
	e.id, e.kind, e.place = r.rec.ID, r.rec.Kind, int64(r.rec.Created)
	if r.damaged == nil {
		e.keys = encodeKeys(r.rec.Unique, r.rec.Index)
	}
	return e.isOf(at)
}

func (f *suspect) fixRevision(tx *transaction, t *tenant) error {
	row := tx.row[:1]
	if _, err := tx.s.row(sqlLastRevision, row, t.n); err != nil {
		return err
	}
	var last int64
	if err := scan(row, &last); err != nil {
		return err
	}
	if f.over = t.n == 0 || last <= t.revision; !f.over {
		f.Mended = true
		tx.change(t)
		t.revision = last
	}
	return nil
}

// fixSpace deletes the rows of a space that does not exist.
func (f *suspect) fixSpace(tx *transaction) error {
	query := sqlMendKeys
	if f.Damage == store.StrayTerm {
		query = sqlMendTerms
	}
	f.Mended = true
	return tx.exec(query, f.space, f.space)
}
