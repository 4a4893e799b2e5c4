package sqlite

import (
	"cmp"
	"database/sql/driver"
	"maps"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// The statements of the writer. For a parameter that has a number in the text, the driver
// makes a name each time, so that they have none where they can.
const (
	sqlTenant       = `SELECT n, revision, trimmed FROM rollbook_tenant WHERE name = ?`
	sqlCreateTenant = `INSERT INTO rollbook_tenant (name, revision) VALUES (?, 0)`
	sqlUpdateTenant = `UPDATE rollbook_tenant SET revision = ?, trimmed = ? WHERE n = ?`

	sqlFind    = `SELECT rid, kind, created, revision, due, keys FROM rollbook_record WHERE tenant = ? AND id = ?`
	sqlKeyRow  = `SELECT rid FROM rollbook_key WHERE space = ? AND value = ?`
	sqlLastRow = `SELECT ifnull(max(rid), 0) FROM rollbook_record`
	sqlRecord  = `SELECT ` + recordColumn + ` FROM rollbook_record r WHERE r.rid = ? AND r.tenant = ?`

	sqlInsert = `INSERT INTO rollbook_record (rid, tenant, space, id, kind, created, revision, due, keys, data)
		VALUES (?, ?, ?, ?, ?, ?6, ?6, ?, ?, ?) ON CONFLICT (tenant, id) DO NOTHING`
	sqlUpdate     = `UPDATE rollbook_record SET revision = ?, due = ?, keys = ?, data = ? WHERE rid = ?`
	sqlUpdateData = `UPDATE rollbook_record SET revision = ?, data = ? WHERE rid = ?` // touches no index
	sqlDelete     = `DELETE FROM rollbook_record WHERE rid = ?`

	sqlClaimKey   = `INSERT INTO rollbook_key (space, value, rid) VALUES (?, ?, ?) ON CONFLICT (space, value) DO NOTHING`
	sqlReleaseKey = `DELETE FROM rollbook_key WHERE space = ? AND value = ?`

	sqlForgetKeys = `DELETE FROM rollbook_key
		WHERE space IN (SELECT n FROM rollbook_space WHERE tenant = ? AND record = '')
		AND rid IN (SELECT value FROM json_each(?))`
	sqlForgetTerms = `DELETE FROM rollbook_term
		WHERE space IN (SELECT n FROM rollbook_space WHERE tenant = ? AND record = ?)
		AND created IN (SELECT value FROM json_each(?))`

	sqlDeleteTerm = `DELETE FROM rollbook_term WHERE space = ? AND value = ? AND created = ?`

	sqlNote         = `INSERT INTO rollbook_change (n, entry) VALUES (?, ?)`
	sqlNewestChange = `SELECT n FROM rollbook_change WHERE n > ? AND n <= ? ORDER BY n DESC LIMIT 1`
	sqlTrimStep     = `SELECT max(n), count(*) FROM
		(SELECT n FROM rollbook_change WHERE n > ? AND n < ? ORDER BY n LIMIT (?+0))`
	sqlTrimChanges = `DELETE FROM rollbook_change WHERE n > ? AND n <= ?`

	sqlEarliest = `SELECT min(due) FROM rollbook_record WHERE space = ? AND due > 0`
	sqlSchedule = `INSERT INTO rollbook_schedule (kind, tenant, due) VALUES (?, ?, ?)
		ON CONFLICT (kind, tenant) DO UPDATE SET due = excluded.due WHERE due <> excluded.due`
	sqlUnschedule = `DELETE FROM rollbook_schedule WHERE kind = ? AND tenant = ?`
)

// sqlInsertTerms inserts n terms of a record, at most maxTerms, whose created and number are
// bound once. A statement for several rows that can be undone alone would first copy the
// pages that it changes; with OR FAIL it cannot, and need not, since the transaction is
// rolled back if it fails.
func sqlInsertTerms(n int) string { return insertTerms[:len(insertTerm)+(n-1)*len(andTerm)] }

const (
	maxTerms    = 8
	insertTerms = insertTerm + andTerm + andTerm + andTerm + andTerm + andTerm + andTerm + andTerm
	insertTerm  = `INSERT OR FAIL INTO rollbook_term (created, rid, space, value) VALUES (?1, ?2, ?, ?)`
	andTerm     = `, (?1, ?2, ?, ?)`
)

// sqlDataVersion is a number that changes when another connection writes, in any process.
const sqlDataVersion = `PRAGMA data_version`

// transaction is how the tasks of a group read and write the database. It keeps a tenant's
// revision and earliest due, which several tasks may change, until finish writes them once.
type transaction struct {
	s      statements
	writes int // statements that write, so far
	// rewritten: a record was deleted, or got a revision of the past, so that what is held now may
	// not have been before.
	rewritten bool

	known    *known
	changed  []*tenant
	schedule map[slot]struct{} // the rows to be brought up to date
	row      [8]driver.Value
	args     []driver.Value // of a statement with many, for the next one to use
}

// known is what transactions have read. It is good for the next one on the same connection
// if this one is committed and nobody else writes in between: another process may, or a
// backup be restored into the file.
type known struct {
	version int64 // of the data, which other connections change
	tenants map[string]*tenant
	lastRow int64 // the greatest number of a record, so far; -1: not read yet
}

// maxKnown is how many tenants are known from one transaction to the next.
const maxKnown = 1000

func newKnown() *known { return &known{version: -1, tenants: make(map[string]*tenant), lastRow: -1} }

// tenant is a tenant's row and the numbers of its spaces.
type tenant struct {
	name     string
	n        int64 // 0: there is no such tenant
	revision int64
	trimmed  int64
	spaces   map[space]int64 // 0: there is no such space
	changed  bool            // to be written back
	before   int64           // if it is changed: the revision before
	noted    bool            // the feed has changed
}

type slot struct {
	tenant *tenant
	kind   string
}

// newTransaction returns a transaction that knows what others have read.
func newTransaction(s statements, k *known) *transaction { return &transaction{s: s, known: k} }

func (tx *transaction) exec(query string, args ...driver.Value) error {
	_, err := tx.count(query, args...)
	return err
}

// count returns how many rows a statement has changed.
func (tx *transaction) count(query string, args ...driver.Value) (rows int64, err error) {
	result, err := tx.s.exec(query, args...)
	if err != nil {
		return 0, err
	}
	rows, err = result.RowsAffected()
	if rows > 0 {
		tx.writes++
	}
	return rows, err
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
	if t, ok := tx.known.tenants[name]; ok {
		return t, nil
	}
	t := &tenant{name: name, spaces: make(map[space]int64)}
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
	tx.known.tenants[name] = t
	return t, nil
}

// change marks a tenant, which has just got a revision or lost entries of its feed, as one
// to be written back.
func (tx *transaction) change(t *tenant) {
	if !t.changed {
		t.changed, t.before = true, t.revision-1
		tx.changed = append(tx.changed, t)
	}
}

// forget makes the transaction know nothing of a tenant that was dropped: another may get its name
// and its number.
func (tx *transaction) forget(t *tenant) {
	tx.rewritten = true
	delete(tx.known.tenants, t.name)
	tx.changed = slices.DeleteFunc(tx.changed, func(c *tenant) bool { return c == t })
	maps.DeleteFunc(tx.schedule, func(at slot, _ struct{}) bool { return at.tenant == t })
}

// newRow returns a number for a record, greater than all others have.
func (tx *transaction) newRow() (rid int64, err error) {
	k := tx.known
	if k.lastRow < 0 {
		row := tx.row[:1]
		if _, err := tx.s.row(sqlLastRow, row); err != nil {
			return 0, err
		}
		if err := scan(row, &k.lastRow); err != nil {
			return 0, err
		}
	}
	k.lastRow++
	return k.lastRow, nil
}

func (tx *transaction) create(t *tenant) (err error) {
	if t.n, err = tx.insert(sqlCreateTenant, t.name); t.n > maxTenant {
		return errFull
	}
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
func (tx *transaction) keyRow(t *tenant, key store.Key) (rid int64, found bool, err error) {
	space, err := tx.space(t, keysOf(key.Kind))
	if space == 0 || err != nil {
		return 0, false, err
	}
	row := tx.row[:1]
	found, err = tx.s.row(sqlKeyRow, row, space, key.Value)
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
	found, err := tx.s.row(sqlNewestChange, row, changeNumber(tenant, 0), changeNumber(tenant, through))
	if err != nil || !found {
		return 0, 0, err
	}
	if err := scan(row, &newest); err != nil {
		return 0, 0, err
	}
	row = tx.row[:2]
	if _, err := tx.s.row(sqlTrimStep, row, changeNumber(tenant, 0), newest, int64(trimStep)); err != nil {
		return 0, 0, err
	}
	if row[0] == nil { // max of nothing
		return 0, 0, nil
	}
	err = scan(row, &last, &n)
	return last & maxRevision, n, err
}

// reschedule records that the earliest due of a tenant and kind may have changed.
func (tx *transaction) reschedule(t *tenant, kind string) {
	if tx.schedule == nil {
		tx.schedule = make(map[slot]struct{})
	}
	tx.schedule[slot{t, kind}] = struct{}{}
}

// begin forgets what is known if others have written since, and returns ErrNewerSchema if a
// later version of this package has migrated the file.
func (tx *transaction) begin(schema int) error {
	row := tx.row[:1]
	var version int64
	if _, err := tx.s.row(sqlDataVersion, row); err != nil {
		return err
	}
	if err := scan(row, &version); err != nil {
		return err
	}
	if k := tx.known; version == k.version && len(k.tenants) <= maxKnown {
		return nil
	}
	*tx.known = *newKnown()
	tx.known.version = version
	if _, err := tx.s.row(sqlNeeds, row); err != nil {
		return err
	}
	if err := scan(row, &version); err != nil {
		return err
	}
	return checkVersion(version, schema)
}

// finish writes what the transaction has kept, and a new mark if anything was written.
func (tx *transaction) finish() error {
	for at := range tx.schedule {
		space, err := tx.space(at.tenant, space{record: at.kind})
		if err != nil {
			return err
		}
		row := tx.row[:1]
		if _, err := tx.s.row(sqlEarliest, row, space); err != nil {
			return err
		}
		if row[0] == nil { // min of nothing
			err = tx.exec(sqlUnschedule, at.kind, at.tenant.name)
		} else {
			err = tx.exec(sqlSchedule, at.kind, at.tenant.name, row[0])
		}
		if err != nil {
			return err
		}
	}
	for _, t := range tx.changed {
		if err := tx.exec(sqlUpdateTenant, t.revision, t.trimmed, t.n); err != nil {
			return err
		}
	}
	if tx.writes == 0 {
		return nil
	}
	return tx.s.mark()
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
