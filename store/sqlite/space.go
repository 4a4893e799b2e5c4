package sqlite

import "github.com/rollbook-go/rollbook/store"

// space names a part of a tenant's indexes: the records of a kind (without a key), the
// records of a kind that have a term of a kind, or the unique keys of a kind (without a
// record). In index rows its number stands for it.
type space struct{ record, key string }

const (
	sqlSpace       = `SELECT n FROM rollbook_space WHERE tenant = ? AND record = ? AND key = ?`
	sqlCreateSpace = `INSERT INTO rollbook_space (tenant, record, key) VALUES (?, ?, ?)`
)

// spaceOf is the number of a space of the tenant whose name is the first parameter.
func spaceOf(record, key string) string {
	return `(SELECT n FROM rollbook_space WHERE tenant = ` + numberOf + ` AND record = ` + record + ` AND key = ` + key + `)`
}

// space returns the number of a space, 0 if there is none.
func (tx *transaction) space(t *tenant, at space) (n int64, err error) {
	if n, ok := t.spaces[at]; ok || t.n == 0 {
		return n, nil
	}
	row := tx.row[:1]
	found, err := tx.s.row(sqlSpace, row, t.n, at.record, at.key)
	if err != nil {
		return 0, err
	}
	if found {
		if err := scan(row, &n); err != nil {
			return 0, err
		}
	}
	t.spaces[at] = n
	return n, nil
}

// makeSpace returns the number of a space, which it makes if there is none.
func (tx *transaction) makeSpace(t *tenant, at space) (n int64, err error) {
	if n, err = tx.space(t, at); n != 0 || err != nil {
		return n, err
	}
	n, err = tx.insert(sqlCreateSpace, t.n, at.record, at.key)
	t.spaces[at] = n
	return n, err
}

func keysOf(kind string) space { return space{key: kind} }

func termsOf(record string, term store.Key) space { return space{record, term.Kind} }
