package sqlite

import (
	"database/sql/driver"

	"github.com/rollbook-go/rollbook/store"
)

// The statements of the writer.
const (
	sqlTenant       = `SELECT n, revision, trimmed FROM rollbook_tenant WHERE name = ?`
	sqlCreateTenant = `INSERT INTO rollbook_tenant (name, revision) VALUES (?, 0)`
	sqlUpdateTenant = `UPDATE rollbook_tenant SET revision = ?, trimmed = ? WHERE n = ?`

	sqlFind   = `SELECT rid, kind, created, revision, due, keys FROM rollbook_record WHERE tenant = ? AND id = ?`
	sqlHolder = `SELECT rid FROM rollbook_key WHERE tenant = ? AND kind = ? AND value = ?`
	sqlRecord = `SELECT id, kind, created, revision, due, keys, data FROM rollbook_record WHERE rid = ?`

	sqlInsert = `INSERT INTO rollbook_record (tenant, id, kind, created, revision, due, keys, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	sqlUpdate     = `UPDATE rollbook_record SET revision = ?, due = ?, keys = ?, data = ? WHERE rid = ?`
	sqlUpdateData = `UPDATE rollbook_record SET revision = ?, data = ? WHERE rid = ?` // touches no index
	sqlDelete     = `DELETE FROM rollbook_record WHERE rid = ?`

	sqlClaimKey   = `INSERT INTO rollbook_key (tenant, kind, value, rid) VALUES (?, ?, ?, ?)`
	sqlReleaseKey = `DELETE FROM rollbook_key WHERE tenant = ? AND kind = ? AND value = ?`

	sqlInsertTerm = `INSERT INTO rollbook_term (tenant, record_kind, kind, value, created, rid)
		VALUES (?, ?, ?, ?, ?, ?)`
	sqlDeleteTerm = `DELETE FROM rollbook_term
		WHERE tenant = ? AND record_kind = ? AND kind = ? AND value = ? AND created = ?`

	sqlNote        = `INSERT INTO rollbook_change (tenant, revision, type, kind, id, note) VALUES (?, ?, ?, ?, ?, ?)`
	sqlTrimChanges = `DELETE FROM rollbook_change WHERE tenant = ? AND revision > ? AND revision <= ?`

	sqlEarliest = `SELECT min(due) FROM rollbook_record WHERE tenant = ? AND kind = ? AND due > 0`
	sqlSchedule = `INSERT INTO rollbook_schedule (kind, tenant, due) VALUES (?, ?, ?)
		ON CONFLICT (kind, tenant) DO UPDATE SET due = excluded.due WHERE due <> excluded.due`
	sqlUnschedule = `DELETE FROM rollbook_schedule WHERE kind = ? AND tenant = ?`
)

// transaction is what the tasks of a group see of the database. What several of
// them would write again and again, a tenant's revision and its earliest due, is
// kept until finish writes it once.
type transaction struct {
	s        *session
	writes   int // statements that write, so far
	tenants  map[string]*tenant
	schedule map[slot]struct{} // to be brought up to date
	row      [8]driver.Value
}

// tenant is a tenant's row. Nothing of it but the number outlives the
// transaction: another process may write next.
type tenant struct {
	name     string
	n        int64 // 0: there is no such tenant
	revision int64
	trimmed  int64
	changed  bool // to be written back
	noted    bool // the feed has something new
}

type slot struct {
	tenant int64
	kind   string
}

func newTransaction(s *session) *transaction {
	return &transaction{s: s, tenants: make(map[string]*tenant), schedule: make(map[slot]struct{})}
}

func (tx *transaction) exec(query string, args ...driver.Value) error {
	tx.writes++
	_, err := tx.s.exec(query, args...)
	return err
}

func (tx *transaction) insert(query string, args ...driver.Value) (rowid int64, err error) {
	tx.writes++
	result, err := tx.s.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

func (tx *transaction) tenant(name string) (*tenant, error) {
	if t, ok := tx.tenants[name]; ok {
		return t, nil
	}
	t := &tenant{name: name}
	row := tx.row[:3]
	found, err := tx.s.row(sqlTenant, row, name)
	if err != nil {
		return nil, err
	}
	if found {
		if err := scan(row, &t.n, &t.revision, &t.trimmed); err != nil {
			return nil, err
		}
	}
	tx.tenants[name] = t
	return t, nil
}

func (tx *transaction) create(t *tenant) (err error) {
	t.n, err = tx.insert(sqlCreateTenant, t.name)
	return err
}

func (tx *transaction) find(tenant int64, id string, s *stored) error {
	row := tx.row[:6]
	found, err := tx.s.row(sqlFind, row, tenant, id)
	if err != nil || !found {
		return err
	}
	s.found = true
	return scan(row, &s.rid, &s.kind, &s.created, &s.revision, &s.due, &s.keys)
}

func (tx *transaction) holder(tenant int64, key store.Key) (rid int64, held bool, err error) {
	row := tx.row[:1]
	held, err = tx.s.row(sqlHolder, row, tenant, key.Kind, key.Value)
	if err != nil || !held {
		return 0, false, err
	}
	return rid, true, scan(row, &rid)
}

func (tx *transaction) record(rid int64) (r store.Record, err error) {
	row := tx.row[:7]
	found, err := tx.s.row(sqlRecord, row, rid)
	if err != nil {
		return r, err
	}
	if !found {
		return r, errCorrupt // a key is held by nobody
	}
	var created, revision, due int64
	var keys []byte
	if err := scan(row, &r.ID, &r.Kind, &created, &revision, &due, &keys, &r.Data); err != nil {
		return r, err
	}
	r.Created, r.Revision, r.Due = store.Revision(created), store.Revision(revision), store.FromMillis(due)
	r.Unique, r.Index, err = parseKeys(keys)
	return r, err
}

// reschedule notes that the earliest due of a tenant and kind may have changed.
func (tx *transaction) reschedule(tenant int64, kind string) {
	tx.schedule[slot{tenant, kind}] = struct{}{}
}

// finish writes what was kept back.
func (tx *transaction) finish() error {
	for at := range tx.schedule {
		row := tx.row[:1]
		if _, err := tx.s.row(sqlEarliest, row, at.tenant, at.kind); err != nil {
			return err
		}
		var err error
		if row[0] == nil { // min of nothing
			err = tx.exec(sqlUnschedule, at.kind, at.tenant)
		} else {
			err = tx.exec(sqlSchedule, at.kind, at.tenant, row[0])
		}
		if err != nil {
			return err
		}
	}
	for _, t := range tx.tenants {
		if t.changed {
			if err := tx.exec(sqlUpdateTenant, t.revision, t.trimmed, t.n); err != nil {
				return err
			}
		}
	}
	return nil
}

// scan takes a row apart. The driver gives INTEGER as int64, TEXT as string and
// BLOB as []byte, nil if empty; the tables are STRICT, so that anything else is
// damage.
func scan(row []driver.Value, dest ...any) error {
	for i, d := range dest {
		ok := false
		switch d := d.(type) {
		case *int64:
			*d, ok = row[i].(int64)
		case *string:
			*d, ok = row[i].(string)
		case *[]byte:
			if *d, ok = row[i].([]byte); row[i] == nil {
				ok = true
			}
		}
		if !ok {
			return errCorrupt
		}
	}
	return nil
}
