package sqlite

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// countTerms is how many entries of a term are counted to find the rarest. A list with
// several terms walks the rarest and looks the others up.
const countTerms = 1000

const sqlCountTerm = `SELECT count(*) FROM (SELECT 1 FROM rollbook_term
	WHERE space = (SELECT n FROM rollbook_space WHERE tenant = ` + numberOf + ` AND record = ?2 AND key = ?3)
	AND value = ?4 AND created > ?5 AND created < ?6 LIMIT (?7+0))`

// stepWork bounds the index entries that one step reads, so that other tenants have their
// turn soon.
const stepWork = 2000

// walkSQL returns the statement for a step of a walk with a number of terms. Its
// parameters are the tenant, the kind, the bounds of Created, the bound of Due and
// the number of entries to read, then kind and value of each term, first the one to walk.
// Its rows are the records that match, in the order of the walk, and then one without an
// ID, which has the number of entries (revision) and the Created of the last (created).
// SQLite computes each row when it is read, so that a caller may stop at any.
//
// CROSS JOIN fixes the order: walk the first term, look the others up in the
// index, and only then read the record. With a bare parameter as LIMIT, SQLite would
// prepare the statement again for every call, since its planner uses the value. It does
// not for a sum, hence the +0.
func walkSQL(terms int, desc, data bool) string {
	order, last, column := "", "max", recordColumn
	if desc {
		order, last = " DESC", "min"
	}
	if !data {
		column = strings.Replace(column, " || r.data", "", 1)
	}
	records := spaceOf("?2", "''")
	from := `rollbook_record WHERE space = ` + records
	if terms > 0 {
		from = `rollbook_term WHERE space = ` + spaceOf("?2", "?7") + ` AND value = ?8`
	}
	entries := `(SELECT rid, created FROM ` + from +
		` AND created > ?3 AND created < ?4 ORDER BY created` + order + ` LIMIT (?6+0))`
	others := ""
	for i := 1; i < terms; i++ {
		others += fmt.Sprintf(` CROSS JOIN rollbook_term p%d ON p%[1]d.space = %[2]s AND p%[1]d.value = ?%[3]d AND p%[1]d.created = w.created`,
			i, spaceOf("?2", "?"+strconv.Itoa(7+2*i)), 8+2*i)
	}
	// If a term's record is lost, another record may have got its number, but none of the
	// tenant has its Created.
	return `SELECT ` + column + ` FROM ` + entries + ` w` + others + ` CROSS JOIN rollbook_record r ON r.rid = w.rid` +
		` WHERE r.space = ` + records + ` AND r.created = w.created AND (r.due = 0 OR r.due >= ?5)` +
		` UNION ALL SELECT CAST(ifnull(` + last + `(created), 0) || ' ' || count(*) || ' 0 0 0 0 ' AS BLOB) FROM ` + entries
}

// walk is a list or a count that is read in steps.
type walk struct {
	method string
	tenant string
	query  store.Query
	data   bool // read the bodies

	begun         bool
	match         []store.Key // the rarest term first
	after, before int64       // the bounds of the entries that are left
}

func newWalk(method, tenant string, q store.Query) *walk {
	w := &walk{method: method, tenant: tenant, query: q, after: int64(q.After), before: int64(q.Before)}
	if w.before == 0 {
		w.before = math.MaxInt64
	}
	return w
}

// room is what a step may return.
type room struct {
	records int
	data    int  // bytes of bodies
	first   bool // the first record of the page, which fits whatever its size
	damaged int
}

// part is the result of a step.
type part struct {
	records []store.Record
	damaged []string
	data    int   // bytes of bodies
	looked  int   // entries that were read, unless the step stopped early
	last    int64 // Created of the last entry; 0: none
	full    bool  // the next record has no room
	ended   bool  // no entry is left
}

// step reads at most a number of entries. It runs in a turn of its own.
func (w *walk) step(ctx context.Context, s source, entries int, free room) (part, error) {
	p, err := read(ctx, s, readTurn{method: w.method, tenant: w.tenant, long: true}, func(ctx context.Context) (part, error) {
		if possible, err := w.begin(ctx, s); !possible || err != nil {
			return part{ended: true}, err
		}
		return w.run(ctx, s, entries, free)
	})
	switch {
	case p.last == 0:
	case w.query.Desc:
		w.before = p.last
	default:
		w.after = p.last
	}
	return p, err
}

// next returns the position at which another walk can go on.
func (w *walk) next() store.Revision {
	if w.query.Desc {
		return store.Revision(w.before)
	}
	return store.Revision(w.after)
}

// entries returns how many entries the next step may read.
func (w *walk) entries(left int) int { return min(left, stepWork/max(len(w.query.Match), 1)) }

func (w *walk) run(ctx context.Context, s source, entries int, free room) (p part, err error) {
	args := make([]any, 0, 6+2*len(w.match))
	args = append(args, w.tenant, w.query.Kind, w.after, w.before, store.Millis(w.query.NotDueBefore), entries)
	for _, term := range w.match {
		args = append(args, term.Kind, term.Value)
	}
	rows, err := s.query(s.point(ctx), walkSQL(len(w.match), w.query.Desc, w.data), args...)
	if err != nil {
		return p, err
	}
	defer func() { _ = rows.Close() }() // rows.Err reports failures
	row := new(recordRow)
	dest := []any{row}
	for rows.Next() && !p.full {
		if err := ctx.Err(); err != nil {
			return p, err
		}
		if err := rows.Scan(dest...); err != nil {
			return p, err
		}
		if row.rec.ID == "" {
			if p.looked = int(row.rec.Revision); p.looked > 0 {
				p.last = int64(row.rec.Created)
			}
			p.ended = p.looked < entries
			break
		}
		p.add(row, free)
	}
	return p, rows.Err()
}

func (p *part) add(row *recordRow, free room) {
	r := &row.rec
	switch {
	case len(p.records) == free.records, len(p.damaged) == free.damaged,
		p.data+len(r.Data) > free.data && (len(p.records) > 0 || !free.first):
		p.full = true
		return
	case row.damaged != nil:
		p.damaged = append(p.damaged, r.ID)
	default:
		if p.records == nil {
			p.records = make([]store.Record, 0, min(free.records, 64))
		}
		p.records = append(p.records, *r)
		p.data += len(r.Data)
	}
	p.last = int64(r.Created)
}

// begin puts the rarest term first and reports whether anything can match. The counts may
// be outdated when the list is read. That does not matter: the order decides only how
// fast it is, and a list that was empty at some moment of the call may be returned as
// empty.
func (w *walk) begin(ctx context.Context, s source) (possible bool, err error) {
	if w.begun {
		return true, nil
	}
	match := w.query.Match
	if len(match) > 1 {
		rarest, fewest := 0, min(countTerms, w.query.Budget)
		for i, term := range match {
			var count int
			err := s.row(ctx, sqlCountTerm, []any{&count},
				w.tenant, w.query.Kind, term.Kind, term.Value, w.after, w.before, fewest)
			if err != nil || count == 0 {
				return false, err
			}
			if count < fewest {
				rarest, fewest = i, count
			}
		}
		match = append([]store.Key{match[rarest]}, match[:rarest]...)
		match = append(match, w.query.Match[rarest+1:]...)
	}
	w.match, w.begun = match, true
	return true, nil
}
