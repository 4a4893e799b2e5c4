package postgres

import (
	"context"
	"math"

	"github.com/rollbook-go/rollbook/store"
)

// The left join returns one row even if there is no entry, so that the feed's beginning and
// its entries are of the same moment. Entries for whose notes the page has no room come
// without them.
const (
	sqlChanges     = changesBegin + `c.revision` + changesMiddle + `c.revision` + changesEnd + `c.revision`
	sqlChangesDesc = changesBegin + `c.revision DESC` + changesMiddle + `c.revision DESC` + changesEnd + `c.revision DESC`

	changesBegin = `SELECT t.trimmed, c.revision, c.type, c.kind, c.id,
			CASE WHEN c.size = octet_length(c.note) OR c.size <= $5::int8 THEN c.note END
		FROM rollbook.tenant t LEFT JOIN LATERAL (
			SELECT c.*, sum(octet_length(c.note)) OVER (ORDER BY `
	changesMiddle = `) AS size
			FROM rollbook.change c WHERE c.tenant = t.n AND c.revision > $2::int8 AND c.revision < $3::int8
			ORDER BY `
	changesEnd = ` LIMIT (SELECT $4::int4)) c ON true
		WHERE t.name = $1::bytea ORDER BY `
)

// Changes implements [store.Store].
func (s *Store) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	return s.observeChanges(ctx, s, tenant, q)
}

func (s *Store) observeChanges(ctx context.Context, src source, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	c := s.observer.BeginCall("Changes")
	page, err := changes(ctx, src, tenant, q)
	info := store.CallInfo{Items: len(page.Changes)}
	for i := range page.Changes {
		if page.Changes[i].Damaged {
			info.Damaged++
		}
	}
	c.End(info, err)
	return page, err
}

func changes(ctx context.Context, src source, tenant string, q store.ChangeQuery) (page store.ChangePage, err error) {
	q, err = store.CheckChanges(tenant, q)
	if err != nil {
		return page, err
	}
	query := sqlChanges
	if q.Desc {
		query = sqlChangesDesc
	}
	before := int64(q.Before)
	if before == 0 {
		before = math.MaxInt64
	}
	t := readTurn{method: "Changes", tenant: tenant, long: q.Limit > store.DefaultLimit}
	err = src.step(ctx, t, func(ctx context.Context, c session) error {
		page = store.ChangePage{}
		var a args
		a.bytea(tenant)
		a.int8(int64(q.After))
		a.int8(before)
		a.int4(q.Limit + 1)
		a.int8(store.MaxPageData)
		full := false
		err := c.rows(ctx, query, &a, func(row *reply) {
			page.Trimmed = store.Revision(row.int8())
			if full || row.null() { // the one row of a feed without entries
				return
			}
			entry, fits := row.change()
			if n := len(page.Changes); n == q.Limit || !fits {
				page.Next, full = page.Changes[n-1].Seq, true
				return
			}
			page.Changes = append(page.Changes, entry)
		})
		if err == nil && page.Trimmed > q.After && (q.After > 0 || !q.Desc) {
			return &store.TrimmedError{Through: page.Trimmed}
		}
		return err
	})
	if err != nil {
		return store.ChangePage{}, err
	}
	return page, nil
}

// change returns an entry, which is damaged if a column cannot be of one, and whether the
// page has room for its note.
func (r *reply) change() (c store.Change, fits bool) {
	c.Seq = store.Revision(r.int8())
	kind := r.int2()
	recordKind, id := r.string(), r.string()
	fits = !r.null()
	note := r.bytes()
	if kind < int(store.Created) || kind > int(store.Deleted) || recordKind == "" || id == "" {
		return store.Change{Seq: c.Seq, Damaged: true}, fits
	}
	c.Revision, c.Type = c.Seq, store.ChangeType(kind)
	c.Kind, c.ID, c.Note = recordKind, id, note
	return c, fits
}
