package sqlite

import (
	"errors"
	"math"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// recordColumn is a row r of rollbook_record as one BLOB: the driver takes locks and
// memory for each column that it reads. First come Created, revision, due and the lengths
// of ID, kind and keys, in decimal with a space behind each, then these three, and the rest
// is the body. The database is in UTF-8; see verify.
const recordColumn = `CAST(r.created || ' ' || r.revision || ' ' || r.due || ' ' || ` +
	`octet_length(r.id) || ' ' || octet_length(r.kind) || ' ' || octet_length(r.keys) || ' ' || ` +
	`r.id || r.kind || r.keys || r.data AS BLOB)`

// recordRow scans recordColumn. Records that are scanned by the same recordRow share
// memory: strings and keys are cut from pieces. One that is kept keeps its piece, which is
// of sharedText bytes and backend.MaxShared keys at most, or of one record.
type recordRow struct {
	rec     store.Record // of a damaged record without keys and body
	damaged error        // a DamagedError, or nil
	due     int64        // milliseconds, as they stand

	text strings.Builder
	used int // bytes of text so far
	keys []store.Key
}

const sharedText = 4096

var errRow = errors.New("a row is malformed")

// Scan implements [database/sql.Scanner]. It keeps a part of the value, since
// modernc.org/sqlite makes a new one for each row; TestDriverMakesNewSlices checks that.
func (row *recordRow) Scan(value any) error {
	b, _ := value.([]byte) // NULL if the file is damaged
	var numbers [6]int64
	for i := range numbers {
		var ok bool
		if numbers[i], b, ok = cutDecimal(b); !ok {
			return errRow
		}
	}
	var parts [3][]byte // ID, kind and keys
	for i, size := range numbers[3:] {
		if size > int64(len(b)) {
			return errRow
		}
		parts[i], b = b[:size], b[size:]
	}
	row.set(parts[0], parts[1], parts[2])
	r := &row.rec
	r.Created, r.Revision = store.Revision(numbers[0]), store.Revision(numbers[1])
	row.due, r.Due = numbers[2], store.FromMillis(numbers[2])
	if row.damaged == nil {
		r.Data = b
	}
	return nil
}

// cutDecimal cuts a number, none of which is negative, and the space behind it.
func cutDecimal(b []byte) (n int64, rest []byte, ok bool) {
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9' && n <= (math.MaxInt64-9)/10:
			n = 10*n + int64(c-'0')
		case c == ' ' && i > 0:
			return n, b[i+1:], true
		default:
			return 0, nil, false
		}
	}
	return 0, nil, false
}

func (row *recordRow) set(id, kind, keys []byte) {
	last := row.rec.Kind
	row.rec, row.damaged = store.Record{Kind: last}, nil
	r := &row.rec
	if string(kind) != last { // usually it is that of the record before
		r.Kind = string(kind)
	}
	list, intact := cutSum(keys)
	text := row.join(id, list)
	r.ID = text[:len(id)]
	var err error
	if intact {
		r.Unique, r.Index, err = cutKeys(text[len(id):], &row.keys)
	}
	if err != nil || !intact {
		row.damaged = &store.DamagedError{ID: r.ID}
	}
}

// join returns a and b as one string.
func (row *recordRow) join(a, b []byte) string {
	size := len(a) + len(b)
	if size > sharedText { // the rest of so large a piece would pin it for a small record
		return string(a) + string(b)
	}
	if row.text.Cap()-row.text.Len() < size { // the first piece is of one record, the next ones grow
		row.text = strings.Builder{}
		row.text.Grow(max(size, min(2*row.used, sharedText)))
	}
	row.used += size
	from := row.text.Len()
	row.text.Write(a)
	row.text.Write(b)
	return row.text.String()[from:]
}
