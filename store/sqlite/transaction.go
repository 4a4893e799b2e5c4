package sqlite

import (
	"cmp"
	"database/sql/driver"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// The statements of the writer.
const (
	sqlTenant       = `SELECT n, revision, trimmed FROM rollbook_tenant WHERE name = ?`
	sqlCreateTenant = `INSERT INTO rollbook_tenant (name, revision) VALUES (?, 0)`
	sqlUpdateTenant = `UPDATE rollbook_tenant SET revision = ?, trimmed = ? WHERE n = ?`

	sqlFind   = `SELECT rid, kind, created, revision, due, keys FROM rollbook_record WHERE tenant = ? AND id = ?`
	sqlKeyRow = `SELECT rid FROM rollbook_key WHERE tenant = ? AND kind = ? AND value = ?`
	sqlRecord = `SELECT ` + recordColumn + ` FROM rollbook_record r WHERE r.rid = ? AND r.tenant = ?`

	sqlInsert = `INSERT INTO rollbook_record (tenant, id, kind, created, revision, due, keys, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	sqlUpdate     = `UPDATE rollbook_record SET revision = ?, due = ?, keys = ?, data = ? WHERE rid = ?`
	sqlUpdateData = `UPDATE rollbook_record SET revision = ?, data = ? WHERE rid = ?` // touches no index
	sqlDelete     = `DELETE FROM rollbook_record WHERE rid = ?`

	sqlClaimKey   = `INSERT INTO rollbook_key (tenant, kind, value, rid) VALUES (?, ?, ?, ?)`
	sqlReleaseKey = `DELETE FROM rollbook_key WHERE tenant = ? AND kind = ? AND value = ?`

	sqlForgetKeys  = `DELETE FROM rollbook_key WHERE tenant = ? AND rid IN (SELECT value FROM json_each(?))`
	sqlForgetTerms = `DELETE FROM rollbook_term WHERE tenant = ? AND created IN (SELECT value FROM json_each(?))`

	sqlInsertTerm = `INSERT INTO rollbook_term (tenant, record_kind, kind, value, created, rid)
		VALUES (?, ?, ?, ?, ?, ?)`
	sqlDeleteTerm = `DELETE FROM rollbook_term
		WHERE tenant = ? AND record_kind = ? AND kind = ? AND value = ? AND created = ?`

	sqlNote         = `INSERT INTO rollbook_change (tenant, revision, type, kind, id, note) VALUES (?, ?, ?, ?, ?, ?)`
	sqlNewestChange = `SELECT revision FROM rollbook_change WHERE tenant = ? AND revision <= ?
		ORDER BY revision DESC LIMIT 1`
	sqlTrimStep = `SELECT max(revision), count(*) FROM
		(SELECT revision FROM rollbook_change WHERE tenant = ? AND revision < ? ORDER BY revision LIMIT (?+0))`
	sqlTrimChanges = `DELETE FROM rollbook_change WHERE tenant = ? AND revision <= ?`

	sqlEarliest = `SELECT min(due) FROM rollbook_record WHERE tenant = ? AND kind = ? AND due > 0`
	sqlSchedule = `INSERT INTO rollbook_schedule (kind, tenant, due) VALUES (?, ?, ?)
		ON CONFLICT (kind, tenant) DO UPDATE SET due = excluded.due WHERE due <> excluded.due`
	sqlUnschedule = `DELETE FROM rollbook_schedule WHERE kind = ? AND tenant = ?`
)

// transaction is how the tasks of a group read and write the database. It keeps a tenant's
// revision and earliest due, which several tasks may change, until finish writes them once.
type transaction struct {
	s        statements
	writes   int  // statements that write, so far
	marked   bool // a mark was written by an earlier one of the same COMMIT
	tenants  map[string]*tenant
	schedule map[slot]struct{} // the rows to be brought up to date
	row      [8]driver.Value
}

// tenant is a tenant's row. It is read again in each transaction: another process may
// write in between, or a backup be restored into the file.
type tenant struct {
	name     string
	n        int64 // 0: there is no such tenant
	revision int64
	trimmed  int64
	changed  bool // to be written back
	noted    bool // the feed has changed
}

type slot struct {
	tenant int64
	kind   string
}

func newTransaction(s statements) *transaction {
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

// keyRow returns the number of the record that a key's row names. In a damaged file there
// may be no such record, or it may not hold the key.
func (tx *transaction) keyRow(tenant int64, key store.Key) (rid int64, found bool, err error) {
	row := tx.row[:1]
	found, err = tx.s.row(sqlKeyRow, row, tenant, key.Kind, key.Value)
	if err != nil || !found {
		return 0, false, err
	}
	err = scan(row, &rid)
	return rid, true, err
}

// holder returns the record that a key's row names, and whether it holds the key. It
// returns a DamagedError if the record is unreadable.
func (tx *transaction) holder(tenant, rid int64, key store.Key) (r store.Record, held bool, err error) {
	row := tx.row[:1]
	found, err := tx.s.row(sqlRecord, row, rid, tenant)
	if err != nil || !found {
		return r, false, err
	}
	var rr recordRow
	if err := rr.Scan(row[0]); err != nil || rr.damaged != nil {
		return r, false, cmp.Or(err, rr.damaged)
	}
	return rr.rec, slices.Contains(rr.rec.Unique, key), nil
}

// oldChanges returns how many of a feed's entries the next step of a trim deletes, and
// the revision of the last of them. The newest entry at or before through stays.
func (tx *transaction) oldChanges(tenant, through int64) (last, n int64, err error) {
	row := tx.row[:1]
	var newest int64
	found, err := tx.s.row(sqlNewestChange, row, tenant, through)
	if err != nil || !found {
		return 0, 0, err
	}
	if err := scan(row, &newest); err != nil {
		return 0, 0, err
	}
	row = tx.row[:2]
	if _, err := tx.s.row(sqlTrimStep, row, tenant, newest, int64(trimStep)); err != nil {
		return 0, 0, err
	}
	if row[0] == nil { // max of nothing
		return 0, 0, nil
	}
	err = scan(row, &last, &n)
	return last, n, err
}

// reschedule records that the earliest due of a tenant and kind may have changed.
func (tx *transaction) reschedule(tenant int64, kind string) {
	tx.schedule[slot{tenant, kind}] = struct{}{}
}

// begin returns ErrNewerSchema if a later version of this package has migrated the file.
func (tx *transaction) begin(known int) error {
	row := tx.row[:1]
	var version int64
	if _, err := tx.s.row(sqlVersion, row); err != nil {
		return err
	}
	if err := scan(row, &version); err != nil {
		return err
	}
	return checkVersion(version, known)
}

// finish writes what the transaction has kept, and a new mark if anything was written.
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
	if tx.writes == 0 || tx.marked {
		return nil
	}
	return tx.exec(sqlMark)
}

// scan copies the columns of a row. The driver returns INTEGER as int64, TEXT as string
// and BLOB as []byte, nil if empty. The tables are STRICT, so that anything else is
// damage, for which scan returns errCorrupt.
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
