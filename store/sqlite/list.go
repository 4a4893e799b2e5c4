package sqlite

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// A list with several terms walks the rarest and looks the others up. How rare a
// term is need not be known better than this.
const countTerms = 1000

const sqlCountTerm = `SELECT count(*) FROM (SELECT 1 FROM rollbook_term
	WHERE tenant = ? AND record_kind = ? AND kind = ? AND value = ? AND created > ? AND created < ? LIMIT (?+0))`

// listSQL returns the statement for a list with so many terms. Its parameters
// are the tenant, the kind, the bounds of Created, the bound of Due and the
// limit, then kind and value of each term, the one to walk first.
//
// CROSS JOIN fixes the order: walk the first term, look the others up in the
// index, and only then read the record. A bare parameter as LIMIT would have SQLite
// prepare the statement again for every call, since its planner looks at the value;
// a sum is an expression that it leaves alone.
func listSQL(terms int, desc bool) string {
	var b strings.Builder
	b.WriteString(`SELECT ` + recordColumns + ` FROM `)
	from := "r"
	if terms == 0 {
		b.WriteString(`rollbook_record r WHERE r.tenant = ?1 AND r.kind = ?2`)
	} else {
		from = "w"
		b.WriteString(`rollbook_term w`)
		for i := 1; i < terms; i++ {
			fmt.Fprintf(&b, ` CROSS JOIN rollbook_term p%d ON p%[1]d.tenant = ?1 AND p%[1]d.record_kind = ?2`+
				` AND p%[1]d.kind = ?%[2]d AND p%[1]d.value = ?%[3]d AND p%[1]d.created = w.created`, i, 7+2*i, 8+2*i)
		}
		b.WriteString(` CROSS JOIN rollbook_record r ON r.rid = w.rid` +
			` WHERE w.tenant = ?1 AND w.record_kind = ?2 AND w.kind = ?7 AND w.value = ?8`)
	}
	order := ""
	if desc {
		order = " DESC"
	}
	fmt.Fprintf(&b, ` AND %s.created > ?3 AND %[1]s.created < ?4`+
		` AND (r.due = 0 OR r.due >= ?5) ORDER BY %[1]s.created%s LIMIT (?6+0)`, from, order)
	return b.String()
}

// List implements [store.Store].
func (s *Store) List(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
	q, err := store.CheckQuery(tenant, q)
	if err != nil {
		return nil, err
	}
	after, before := int64(q.After), int64(q.Before)
	if before == 0 {
		before = math.MaxInt64
	}
	return read(ctx, s, func(ctx context.Context) ([]store.Record, error) {
		n, err := s.number(ctx, tenant)
		if n == 0 || err != nil {
			return nil, err
		}
		match, possible, err := s.rarestFirst(ctx, n, q, after, before)
		if !possible || err != nil {
			return nil, err
		}
		args := make([]any, 0, 6+2*len(match))
		args = append(args, n, q.Kind, after, before, store.Millis(q.NotDueBefore), q.Limit)
		for _, term := range match {
			args = append(args, term.Kind, term.Value)
		}
		rows, err := s.reads.query(ctx, listSQL(len(match), q.Desc), args...)
		if err != nil {
			return nil, err
		}
		return records(rows)
	})
}

// rarestFirst returns the terms of a query with the rarest in front, and whether
// all of them occur. That the counts may be outdated when the list is read does
// not matter: the order decides only how fast it is, and a list that was empty
// at some moment of the call may be returned as empty.
func (s *Store) rarestFirst(ctx context.Context, n int64, q store.Query, after, before int64) ([]store.Key, bool, error) {
	if len(q.Match) < 2 {
		return q.Match, true, nil
	}
	rarest, fewest := 0, countTerms
	for i, term := range q.Match {
		var count int
		err := s.reads.row(ctx, sqlCountTerm, []any{&count}, n, q.Kind, term.Kind, term.Value, after, before, fewest)
		if err != nil || count == 0 {
			return nil, false, err
		}
		if count < fewest {
			rarest, fewest = i, count
		}
	}
	match := append([]store.Key{q.Match[rarest]}, q.Match[:rarest]...)
	return append(match, q.Match[rarest+1:]...), true, nil
}
