package redis

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

const (
	// fetchAtOnce is how many records one HMGET asks for.
	fetchAtOnce = 256
	// probeAtOnce is how many IDs of the shortest list are looked up in the others.
	probeAtOnce = 512
)

// List implements store.Store. A page of a kind, or of one term, is two round
// trips; with more terms the shortest list is read and looked up in the others.
// Records are read one after another, not as of one moment.
func (s *Store) List(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
	q, err := store.CheckQuery(tenant, q)
	if err != nil {
		return nil, err
	}
	w := &walk{store: s, space: s.space(tenant), q: q}
	if err := w.choose(ctx); err != nil {
		return nil, err
	}
	for !w.done {
		if err := w.step(ctx); err != nil {
			return nil, err
		}
	}
	return w.page, nil
}

// walk is a List under way.
type walk struct {
	store  *Store
	space  space
	q      store.Query // After and Before close in on what is left
	driver string      // the list that is read
	others []string    // the lists that have to have each ID too
	page   []store.Record
	done   bool
}

// entry is a member of a sorted set with its score.
type entry struct {
	id    string
	score int64
}

// choose picks the shortest of the lists that the query names.
func (w *walk) choose(ctx context.Context) error {
	switch len(w.q.Match) {
	case 0:
		w.driver = w.space.kind(w.q.Kind)
		return nil
	case 1:
		w.driver = w.space.index(w.q.Kind, w.q.Match[0])
		return nil
	}
	counts := make([][]any, len(w.q.Match))
	for i, term := range w.q.Match {
		w.others = append(w.others, w.space.index(w.q.Kind, term))
		counts[i] = []any{"zcard", w.others[i]}
	}
	vals, err := w.store.read(ctx, w.space, counts...)
	if err != nil {
		return err
	}
	shortest := 0
	for i := range vals {
		if number(vals[i]) < number(vals[shortest]) {
			shortest = i
		}
	}
	w.driver = w.others[shortest]
	w.others = slices.Delete(w.others, shortest, shortest+1)
	return nil
}

// step reads the next stretch of the list.
func (w *walk) step(ctx context.Context) error {
	n := min(w.q.Limit-len(w.page), fetchAtOnce)
	if len(w.others) > 0 {
		n = probeAtOnce
	}
	entries, err := w.stretch(ctx, n)
	if err != nil {
		return err
	}
	w.done = len(entries) < n
	if len(entries) == 0 {
		return nil
	}
	if last := store.Revision(entries[len(entries)-1].score); w.q.Desc {
		w.q.Before = last
	} else {
		w.q.After = last
	}
	if entries, err = w.probe(ctx, entries); err != nil {
		return err
	}
	for len(entries) > 0 && len(w.page) < w.q.Limit {
		n := min(len(entries), w.q.Limit-len(w.page), fetchAtOnce)
		if err := w.fetch(ctx, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	w.done = w.done || len(w.page) == w.q.Limit
	return nil
}

func (w *walk) stretch(ctx context.Context, n int) ([]entry, error) {
	low, high := "("+strconv.FormatInt(int64(w.q.After), 10), "+inf"
	if w.q.Before > 0 {
		high = "(" + strconv.FormatInt(int64(w.q.Before), 10)
	}
	command := []any{"zrangebyscore", w.driver, low, high, "withscores", "limit", "0", strconv.Itoa(n)}
	if w.q.Desc {
		command[0], command[2], command[3] = "zrevrangebyscore", high, low
	}
	vals, err := w.store.read(ctx, w.space, command)
	if err != nil {
		return nil, err
	}
	entries, err := parseEntries(vals[0])
	return entries, unavailable(err)
}

// probe keeps the entries whose IDs stand in all other lists.
func (w *walk) probe(ctx context.Context, entries []entry) ([]entry, error) {
	if len(w.others) == 0 {
		return entries, nil
	}
	commands := make([][]any, len(w.others))
	for i, list := range w.others {
		commands[i] = append([]any{"zmscore", list}, ids(entries)...)
	}
	vals, err := w.store.read(ctx, w.space, commands...)
	if err != nil {
		return nil, err
	}
	kept := entries[:0:0]
	for i, e := range entries {
		in := true
		for _, val := range vals {
			scores, ok := val.([]any)
			if !ok || len(scores) != len(entries) {
				return nil, unavailable(errDamaged)
			}
			in = in && scores[i] != nil
		}
		if in {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

// fetch adds the records of entries to the page. One that was deleted, or no
// longer matches, since the lists were read, is left out.
func (w *walk) fetch(ctx context.Context, entries []entry) error {
	command := append([]any{"hmget", w.space.records()}, ids(entries)...)
	vals, err := w.store.read(ctx, w.space, command)
	if err != nil {
		return err
	}
	list, ok := vals[0].([]any)
	if !ok || len(list) != len(entries) {
		return unavailable(errDamaged)
	}
	for i, val := range list {
		stored, ok := val.(string)
		if !ok {
			continue
		}
		r, err := decodeRecord(w.space.tenant, entries[i].id, stored)
		if err != nil {
			return unavailable(err)
		}
		if int64(r.Created) == entries[i].score && matches(&r, w.q) {
			w.page = append(w.page, r)
		}
	}
	return nil
}

// matches judges what the lists said when they were read.
func matches(r *store.Record, q store.Query) bool {
	if r.Kind != q.Kind || due(r.Due, q.NotDueBefore) {
		return false
	}
	for _, term := range q.Match {
		if !slices.Contains(r.Index, term) {
			return false
		}
	}
	return true
}

// due says whether a Due is set and earlier than a bound; the zero bound is never.
func due(at, before time.Time) bool {
	return !at.IsZero() && !before.IsZero() && store.Millis(at) < store.Millis(before)
}

func ids(entries []entry) []any {
	list := make([]any, len(entries))
	for i, e := range entries {
		list[i] = e.id
	}
	return list
}

// parseEntries reads what a range WITHSCORES returns: pairs in RESP3, one flat
// list of strings in RESP2.
func parseEntries(val any) ([]entry, error) {
	list, ok := val.([]any)
	if !ok {
		return nil, errDamaged
	}
	var flat []any
	for _, v := range list {
		if pair, ok := v.([]any); ok {
			flat = append(flat, pair...)
		} else {
			flat = append(flat, v)
		}
	}
	if len(flat)%2 != 0 {
		return nil, errDamaged
	}
	entries := make([]entry, 0, len(flat)/2)
	for i := 0; i < len(flat); i += 2 {
		id, ok := flat[i].(string)
		score, isNumber := float(flat[i+1])
		if !ok || !isNumber {
			return nil, errDamaged
		}
		entries = append(entries, entry{id: id, score: int64(score)})
	}
	return entries, nil
}

// float reads a score; revisions and milliseconds are exact in it.
func float(val any) (float64, bool) {
	switch v := val.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	}
	return 0, false
}

// number reads an integer reply; 0 for anything else.
func number(val any) int64 {
	n, _ := val.(int64)
	return n
}
