package sqlite

import (
	"context"
	"math"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// A list with several terms walks the rarest and looks the others up. How rare a
// term is need not be known better than this.
const countTerms = 1000

const sqlCountTerm = `SELECT count(*) FROM (SELECT 1 FROM rollbook_term
	WHERE tenant = ? AND record_kind = ? AND kind = ? AND value = ? AND created > ? AND created < ? LIMIT ?)`

// listSQL returns the statement for a list with so many terms. Its parameters
// are the tenant, the kind, the bounds of Created, the bound of Due and the
// limit, then kind and value of each term, the one to walk first.
//
// CROSS JOIN keeps the planner from another order than that of the terms.
func listSQL(terms int, desc bool) string {
	order, from := "", "r"
	var b strings.Builder
	b.WriteString(`SELECT ` + recordColumns + ` FROM `)
	if terms == 0 {
		b.WriteString(`rollbook_record r WHERE r.tenant = ?1 AND r.kind = ?2`)
	} else {
		from = "w"
		b.WriteString(`rollbook_term w CROSS JOIN rollbook_record r ON r.rid = w.rid
	WHERE w.tenant = ?1 AND w.record_kind = ?2 AND w.kind = ?7 AND w.value = ?8`)
	}
	b.WriteString(` AND ` + from + `.created > ?3 AND ` + from + `.created < ?4`)
	for i := 1; i < terms; i++ {
		kind, value := parameter(7+2*i), parameter(8+2*i)
		b.WriteString(` AND EXISTS (SELECT 1 FROM rollbook_term p WHERE p.tenant = ?1 AND p.record_kind = ?2` +
			` AND p.kind = ` + kind + ` AND p.value = ` + value + ` AND p.created = w.created)`)
	}
	if desc {
		order = " DESC"
	}
	b.WriteString(` AND (r.due = 0 OR r.due >= ?5) ORDER BY ` + from + `.created` + order + ` LIMIT ?6`)
	return b.String()
}

func parameter(n int) string {
	if n < 10 {
		return "?" + string(rune('0'+n))
	}
	return "?" + string(rune('0'+n/10)) + string(rune('0'+n%10))
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
