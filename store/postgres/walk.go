package postgres

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// countTerms is how many entries of a term are counted to find the rarest. A list with
// several terms walks the rarest and looks the others up.
const countTerms = 1000

const sqlCountTerm = `SELECT count(*) FROM (SELECT FROM rollbook.term
	WHERE tenant = ` + numberOf + ` AND term = $2::bytea AND created > $3::int8 AND created < $4::int8
	LIMIT (SELECT $5::int4)) e`

// stepWork bounds the index entries that one step reads, so that other tenants have their
// turn soon.
const stepWork = 2000

// A walk has a statement for each number of terms. Its parameters are the tenant, the kind,
// the bounds of Created, the bound of Due, and the number of entries to read; those of the
// variant; and the terms, first the one to walk.
//
// LATERAL with OFFSET 0 fixes the order: walk the first term, look the others up in the
// index, and only then read the record. The planner does not know how few entries a
// parameter lets through and would rather read whole tables.
type walkText struct {
	terms int
	desc  bool
	param int // of the terms
}

// listSQL returns the statement for a step of a list. Its own parameters are the number of
// records and of bytes of their bodies, and whether the first record fits whatever its
// size. Its rows are the records that match, as far as they fit, in the order of the
// walk, and then one that has, in place of a record, the Created of the last entry, how
// many entries there were, and how many records matched, of those and one more.
func listSQL(terms int, desc bool) string {
	t := walkText{terms, desc, 10}
	return t.entries() + `, m AS MATERIALIZED (
		SELECT ` + recordColumns + `, sum(octet_length(r.data)) OVER (ORDER BY ` + t.order("r.created") + `) AS size
		` + t.records() + ` ORDER BY ` + t.order("r.created") + ` LIMIT (SELECT $7::int4 + 1))
	(SELECT ` + recordColumns + ` FROM m r
		WHERE size <= $8::int8 OR $9::bool AND size = octet_length(data) LIMIT (SELECT $7::int4))
	UNION ALL SELECT ` + t.last() + `, (SELECT count(*) FROM w), (SELECT count(*) FROM m), NULL, NULL, NULL, NULL`
}

// countSQL returns the statement for a step of a count. Its row has the Created of the last
// entry, how many entries there were, how many records matched, and how many damaged ones.
func countSQL(terms int) string {
	t := walkText{terms, false, 7}
	return t.entries() + `
	SELECT ` + t.last() + `, (SELECT count(*) FROM w),
		count(*) FILTER (WHERE NOT damaged), count(*) FILTER (WHERE damaged)
	FROM (SELECT rollbook.damaged(r.keys) AS damaged ` + t.records() + `) d`
}

func (t walkText) order(column string) string {
	if t.desc {
		return column + " DESC"
	}
	return column
}

func (t walkText) last() string {
	if t.desc {
		return `(SELECT coalesce(min(created), 0) FROM w)`
	}
	return `(SELECT coalesce(max(created), 0) FROM w)`
}

// term returns a parameter.
func (t walkText) term(i int) string { return fmt.Sprintf(`($%d::bytea[])[%d]`, t.param, i+1) }

// entries returns the beginning of a statement, which reads the entries.
func (t walkText) entries() string {
	from := `rollbook.record WHERE tenant = ` + numberOf + ` AND kind = $2::bytea`
	if t.terms > 0 {
		from = `rollbook.term WHERE tenant = ` + numberOf + ` AND term = ` + t.term(0)
	}
	return `WITH w AS MATERIALIZED (SELECT created FROM ` + from +
		` AND created > $3::int8 AND created < $4::int8 ORDER BY ` + t.order("created") + ` LIMIT (SELECT $6::int4))`
}

// records returns the rest, from the entries to the records.
func (t walkText) records() string {
	var b strings.Builder
	b.WriteString(`FROM w`)
	for i := 1; i < t.terms; i++ {
		fmt.Fprintf(&b, ` CROSS JOIN LATERAL (SELECT FROM rollbook.term t WHERE t.tenant = `+numberOf+
			` AND t.term = `+t.term(i)+` AND t.created = w.created OFFSET 0) t%d`, i)
	}
	b.WriteString(` CROSS JOIN LATERAL (SELECT * FROM rollbook.record r WHERE r.tenant = ` + numberOf +
		` AND r.kind = $2::bytea AND r.created = w.created OFFSET 0) r WHERE (r.due = 0 OR r.due >= $5::int8)`)
	return b.String()
}

// walk is a list or a count that is read in steps.
type walk struct {
	method string
	tenant string
	query  store.Query

	begun         bool
	match         []store.Key // the rarest term first
	after, before int64       // the bounds of the entries that are left
	reach         int         // entries of the next step
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

// stretch is the result of a step.
type stretch struct {
	records []store.Record
	damaged []string
	data    int   // bytes of bodies
	matched int   // records that were counted
	spoiled int   // damaged records that were counted
	looked  int   // entries that were read
	last    int64 // Created of the last entry; 0: none
	full    bool  // the next record has no room
	ended   bool  // no entry is left
}

// step reads at most a number of entries. It runs in a turn of its own.
func (w *walk) step(ctx context.Context, src source, entries int,
	read func(context.Context, session, *args) (stretch, error),
) (p stretch, err error) {
	t := readTurn{method: w.method, tenant: w.tenant, long: true}
	err = src.step(ctx, t, func(ctx context.Context, c session) error {
		possible, err := w.begin(ctx, c)
		if !possible || err != nil {
			p = stretch{ended: true}
			return err
		}
		var a args
		a.bytea(w.tenant)
		a.bytea(w.query.Kind)
		a.int8(w.after)
		a.int8(w.before)
		a.int8(store.Millis(w.query.NotDueBefore))
		a.int4(entries)
		p, err = read(ctx, c, &a)
		return err
	})
	switch {
	case err != nil:
		return stretch{}, err
	case p.last == 0:
	case w.query.Desc:
		w.before = p.last
	default:
		w.after = p.last
	}
	return p, nil
}

// list reads the records of a step.
func (w *walk) list(ctx context.Context, c session, a *args, entries int, free room) (p stretch, err error) {
	a.int4(min(free.records, free.damaged))
	a.int8(int64(free.data))
	a.bool(free.first)
	w.terms(a)
	var last int64
	rows, matched := 0, 0
	err = c.rows(ctx, listSQL(len(w.match), w.query.Desc), a, func(row *reply) {
		if row.summary() {
			last, p.looked, matched = row.int8(), int(row.int8()), int(row.int8())
			return
		}
		rows++
		r, err := row.record()
		if err != nil {
			p.damaged = append(p.damaged, r.ID)
		} else {
			p.records = append(p.records, r)
			p.data += len(r.Data)
		}
		p.last = int64(r.Created)
	})
	p.full = matched > rows
	if !p.full {
		p.last, p.ended = last, p.looked < entries
	}
	return p, err
}

// count counts the records of a step.
func (w *walk) count(ctx context.Context, c session, a *args, entries int) (p stretch, err error) {
	w.terms(a)
	_, err = c.row(ctx, countSQL(len(w.match)), a, func(row *reply) {
		p.last, p.looked = row.int8(), int(row.int8())
		p.matched, p.spoiled = int(row.int8()), int(row.int8())
	})
	p.ended = p.looked < entries
	return p, err
}

func (w *walk) terms(a *args) {
	if len(w.match) == 0 {
		return
	}
	a.array(oidBytea)
	for _, term := range w.match {
		a.elemString(termName(w.query.Kind, term))
	}
	a.endArray()
}

// next returns the position at which another walk can go on.
func (w *walk) next() store.Revision {
	if w.query.Desc {
		return store.Revision(w.before)
	}
	return store.Revision(w.after)
}

// entries returns how many entries the next step may read. It does not read many for a
// small page if every entry matches.
func (w *walk) entries(left, wanted int) int {
	most := stepWork / max(len(w.query.Match), 1)
	if w.reach == 0 {
		w.reach = most
		if len(w.query.Match) < 2 {
			w.reach = wanted + 1
		}
	}
	n := min(left, most, w.reach)
	w.reach = min(4*w.reach, most)
	return n
}

// begin puts the rarest term first and reports whether anything can match. The counts may
// be outdated when the list is read. That does not matter: the order decides only how
// fast it is, and a list that was empty at some moment of the call may be returned as
// empty.
func (w *walk) begin(ctx context.Context, c session) (possible bool, err error) {
	if w.begun {
		return true, nil
	}
	match := w.query.Match
	if len(match) > 1 {
		rarest, fewest := 0, min(countTerms, w.query.Budget)
		for i, term := range match {
			var a args
			a.bytea(w.tenant)
			a.bytea(termName(w.query.Kind, term))
			a.int8(w.after)
			a.int8(w.before)
			a.int4(fewest)
			count := 0
			_, err := c.row(ctx, sqlCountTerm, &a, func(row *reply) { count = int(row.int8()) })
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
