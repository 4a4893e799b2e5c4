package sqlite

import (
	"bytes"
	"cmp"
	"context"

	"github.com/rollbook-go/rollbook/store"
)

const (
	sqlImport = `INSERT INTO rollbook_record (rid, tenant, space, id, kind, created, revision, due, keys, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO NOTHING`
	sqlData  = `SELECT data FROM rollbook_record WHERE rid = ?`
	sqlPlace = `SELECT rid FROM rollbook_record WHERE space = ? AND created = ?`
	sqlEntry = `SELECT entry FROM rollbook_change WHERE n = ?`
)

// Import implements [store.Importer]. One transaction writes the part.
func (s *Store) Import(ctx context.Context, tenant string, p store.Part) error {
	c := s.observer.BeginCall("Import")
	queued, err := s.importPart(ctx, tenant, p)
	c.End(store.CallInfo{Items: len(p.Records) + len(p.Changes), Queued: queued}, err)
	return err
}

func (s *Store) importPart(ctx context.Context, tenant string, p store.Part) (queued int, err error) {
	if err := store.CheckImport(tenant, p); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m := newImported(tenant, p)
	_, queued, err = s.writer.submit(ctx, tenant, m, m.size)
	return queued, err
}

// imported is a call of Import. Like a batch it shares nothing with the caller.
type imported struct {
	tenant  string
	records []op // creates
	entries []importedEntry
	trimmed int64
	last    int64 // the highest revision
	size    int

	// Of the transaction.
	fresh []*op           // records that are not there
	next  []importedEntry // entries that are not there
	left  []store.Key     // keys to be claimed that have a row already, which names no holder
}

type importedEntry struct {
	seq   int64
	entry []byte
}

func newImported(tenant string, p store.Part) *imported {
	m := &imported{tenant: tenant, trimmed: int64(p.Trimmed), records: make([]op, len(p.Records))}
	for i := range p.Records {
		o := &m.records[i]
		o.kind = store.Created
		o.setNew(&p.Records[i])
		m.last = max(m.last, int64(o.rec.Revision))
		m.size += opSize + len(o.rec.Data) + len(o.keys)
	}
	for _, c := range p.Changes {
		e := importedEntry{int64(c.Seq), encodeEntry(c.Type, c.Kind, c.ID, c.Note)}
		m.entries = append(m.entries, e)
		m.last = max(m.last, e.seq)
		m.size += opSize/8 + len(e.entry)
	}
	return m
}

func (m *imported) run(tx *transaction) (_ store.Revision, refused, failed error) {
	if m.last > maxRevision {
		return 0, unavailable(errFull), nil
	}
	t, failed := tx.tenant(m.tenant)
	if failed != nil {
		return 0, nil, failed
	}
	m.fresh, m.left = m.fresh[:0], m.left[:0]
	for _, check := range [...]func(*transaction, *tenant) (refused, failed error){
		m.checkRecords, m.checkEntries, m.checkKeys,
	} {
		if refused, failed = check(tx, t); refused != nil || failed != nil {
			return 0, refused, failed
		}
	}
	return 0, nil, m.write(tx, t)
}

// checkRecords finds out which records are there already.
func (m *imported) checkRecords(tx *transaction, t *tenant) (refused, failed error) {
	for i := range m.records {
		o := &m.records[i]
		o.stored = stored{}
		if t.n != 0 {
			if failed = tx.find(t.n, o.rec.ID, &o.stored); failed != nil {
				return nil, failed
			}
		}
		there, failed := o.isThere(tx, t)
		if failed != nil {
			return refusal(failed)
		}
		switch s := &o.stored; {
		case !there:
			m.fresh = append(m.fresh, o)
		case !s.found, s.kind != o.rec.Kind, s.created != int64(o.rec.Created), s.revision != int64(o.rec.Revision),
			s.due != o.due, !bytes.Equal(s.keys, o.keys):
			return &store.StaleError{Op: i, Require: -1}, nil
		default:
			data := tx.row[:1]
			if _, failed := tx.s.row(sqlData, data, s.rid); failed != nil {
				return nil, failed
			}
			if b, _ := data[0].([]byte); !bytes.Equal(b, o.rec.Data) {
				return &store.StaleError{Op: i, Require: -1}, nil
			}
		}
	}
	return nil, nil
}

// isThere reports whether there is a record with the ID or, in lists of its kind, in the place of
// a new one. It returns a DamagedError if the record with the ID is unreadable.
func (o *op) isThere(tx *transaction, t *tenant) (bool, error) {
	if s := &o.stored; s.found {
		if !bytes.Equal(s.keys, o.keys) {
			if _, _, err := parseKeys(s.keys); err != nil {
				return false, &store.DamagedError{ID: o.rec.ID}
			}
		}
		return true, nil
	}
	records, err := tx.space(t, space{record: o.rec.Kind})
	if records == 0 || err != nil {
		return false, err
	}
	return tx.s.row(sqlPlace, tx.row[:1], records, int64(o.rec.Created))
}

// checkEntries finds the first entry that is not there.
func (m *imported) checkEntries(tx *transaction, t *tenant) (refused, failed error) {
	m.next = m.entries
	if t.n == 0 || len(m.entries) == 0 {
		return nil, nil
	}
	row := tx.row[:1]
	last := changeNumber(t.n, t.trimmed)
	found, failed := tx.s.row(sqlNewestChange, row, changeNumber(t.n, 0), changeNumber(t.n, maxRevision))
	if failed != nil {
		return nil, failed
	}
	if found {
		if failed = scan(row, &last); failed != nil {
			return nil, failed
		}
	}
	for ; len(m.next) > 0; m.next = m.next[1:] {
		e := m.next[0]
		n := changeNumber(t.n, e.seq)
		if n > last {
			break
		}
		if found, failed = tx.s.row(sqlEntry, row, n); failed != nil {
			return nil, failed
		}
		if has, _ := row[0].([]byte); !found || !bytes.Equal(has, e.entry) {
			return &store.StaleError{Op: -1, Require: -1}, nil
		}
	}
	return nil, nil
}

func (m *imported) checkKeys(tx *transaction, t *tenant) (refused, failed error) {
	if t.n == 0 {
		return nil, nil
	}
	for i := range m.records {
		o := &m.records[i]
		if o.stored.found {
			continue // it is equal
		}
		for _, key := range o.rec.Unique {
			rid, found, failed := tx.keyRow(t, key)
			if failed != nil {
				return nil, failed
			}
			if !found {
				continue
			}
			holder, held, err := tx.holder(t.n, rid, key)
			if err != nil {
				return refusal(err)
			}
			if held {
				return &store.TakenError{Op: i, Require: -1, Key: key, Holder: holder}, nil
			}
			m.left = append(m.left, key)
		}
	}
	return nil, nil
}

func (m *imported) write(tx *transaction, t *tenant) error {
	if t.n == 0 {
		if err := tx.create(t); err != nil {
			return err
		}
	}
	if m.last > t.revision || m.trimmed > t.trimmed {
		tx.change(t)
		t.revision = max(t.revision, m.last)
	}
	for _, key := range m.left {
		if err := tx.release(t, key); err != nil {
			return err
		}
	}
	for _, o := range m.fresh {
		tx.rewritten = true
		if err := o.restore(tx, t); err != nil {
			return err
		}
	}
	if m.trimmed > t.trimmed {
		t.trimmed, t.noted = m.trimmed, true
		if err := tx.exec(sqlTrimChanges, changeNumber(t.n, 0), changeNumber(t.n, m.trimmed)); err != nil {
			return err
		}
	}
	for _, e := range m.next {
		t.noted = true
		if err := tx.exec(sqlNote, changeNumber(t.n, e.seq), e.entry); err != nil {
			return err
		}
	}
	return nil
}

// restore writes a new record with the revisions that it has.
func (o *op) restore(tx *transaction, t *tenant) error {
	rid, err := tx.newRow()
	if err != nil {
		return err
	}
	records, err := tx.makeSpace(t, space{record: o.rec.Kind})
	if err != nil {
		return err
	}
	created := int64(o.rec.Created)
	n, err := tx.count(sqlImport, rid, t.n, records, o.rec.ID, o.rec.Kind, created, int64(o.rec.Revision), o.due, o.keys, o.rec.Data)
	if n == 0 {
		return cmp.Or(err, errIndex)
	}
	if o.due != 0 {
		tx.reschedule(t, o.rec.Kind)
	}
	return o.writeKeys(tx, t, rid, created)
}
