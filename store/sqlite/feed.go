package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"github.com/rollbook-go/rollbook/store"
)

// The left join returns one row even if there is no entry, so that the feed's beginning
// and its entries are of the same moment.
const (
	sqlChanges = `SELECT t.trimmed, c.revision, c.type, c.kind, c.id, c.note
		FROM rollbook_tenant t LEFT JOIN rollbook_change c
			ON c.tenant = t.n AND c.revision > ?2 AND c.revision < ?3
		WHERE t.name = ?1 ORDER BY c.revision LIMIT (?4+0)`
	sqlChangesDesc = `SELECT t.trimmed, c.revision, c.type, c.kind, c.id, c.note
		FROM rollbook_tenant t LEFT JOIN rollbook_change c
			ON c.tenant = t.n AND c.revision > ?2 AND c.revision < ?3
		WHERE t.name = ?1 ORDER BY c.revision DESC LIMIT (?4+0)`
)

// Changes implements [store.Store].
func (s *Store) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	return s.pool().Changes(ctx, tenant, q)
}

func (s source) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	c := s.observe("Changes")
	page, err := s.changePage(ctx, tenant, q)
	info := store.CallInfo{Items: len(page.Changes)}
	for i := range page.Changes {
		if page.Changes[i].Damaged {
			info.Damaged++
		}
	}
	c.end(info, err)
	return page, err
}

func (s source) changePage(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	q, err := store.CheckChanges(tenant, q)
	if err != nil {
		return store.ChangePage{}, err
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
	return read(ctx, s, t, func(ctx context.Context) (store.ChangePage, error) {
		rows, err := s.query(ctx, query, tenant, int64(q.After), before, q.Limit+1)
		if err != nil {
			return store.ChangePage{}, err
		}
		return changes(rows, q)
	})
}

// changes reads a page of q.Limit entries from rows that may have one more.
func changes(rows *sql.Rows, q store.ChangeQuery) (page store.ChangePage, err error) {
	defer func() { _ = rows.Close() }() // rows.Err reports failures
	size := 0
	for rows.Next() {
		var trimmed int64
		var seq, kind sql.NullInt64
		var recordKind, id sql.NullString
		var note []byte
		if err := rows.Scan(&trimmed, &seq, &kind, &recordKind, &id, &note); err != nil {
			return page, err
		}
		page.Trimmed = store.Revision(trimmed)
		if page.Trimmed > q.After && (q.After > 0 || !q.Desc) {
			return page, &store.TrimmedError{Through: page.Trimmed}
		}
		if !seq.Valid {
			break
		}
		c := change(seq.Int64, kind.Int64, recordKind.String, id.String, note)
		size += len(c.Note)
		if n := len(page.Changes); n == q.Limit || n > 0 && size > store.MaxPageData {
			page.Next = page.Changes[n-1].Seq
			break
		}
		page.Changes = append(page.Changes, c)
	}
	return page, rows.Err()
}

// change returns an entry, which is damaged if a column cannot be of one.
func change(seq, kind int64, recordKind, id string, note []byte) store.Change {
	c := store.Change{Seq: store.Revision(seq)}
	if kind < int64(store.Created) || kind > int64(store.Deleted) || recordKind == "" || id == "" {
		c.Damaged = true
		return c
	}
	c.Revision, c.Type = c.Seq, store.ChangeType(kind)
	c.Kind, c.ID, c.Note = recordKind, id, note
	return c
}

// trimStep is how many entries one step of Trim deletes. Each step moves the feed's
// beginning past them, and other writes run in between.
const trimStep = 1000

// Trim implements [store.Store].
func (s *Store) Trim(ctx context.Context, tenant string, through store.Revision) error {
	c := s.observe("Trim")
	queued, err := s.trim(ctx, tenant, through)
	c.end(store.CallInfo{Queued: queued}, err)
	return err
}

func (s *Store) trim(ctx context.Context, tenant string, through store.Revision) (queued int, err error) {
	if err := store.CheckTrim(tenant, through); err != nil {
		return 0, err
	}
	for begun := false; ; begun = true {
		t := &trim{tenant: tenant, through: int64(through)}
		_, ahead, err := s.writer.submit(ctx, tenant, t, trimStep*opSize/8)
		queued = max(queued, ahead)
		switch {
		case err != nil && begun && !errors.Is(err, store.ErrUnknown):
			return queued, unknown(err)
		case err != nil || t.done:
			return queued, err
		}
	}
}

// trim is one step of Trim.
type trim struct {
	tenant  string
	through int64
	done    bool // read by the caller after the answer
}

func (t *trim) run(tx *transaction) (_ store.Revision, refused, failed error) {
	row, err := tx.tenant(t.tenant)
	if err != nil {
		return 0, nil, err
	}
	last, n, err := tx.oldChanges(row.n, t.through)
	if err != nil {
		return 0, nil, err
	}
	if n > 0 {
		if err := tx.exec(sqlTrimChanges, row.n, last); err != nil {
			return 0, nil, err
		}
		row.trimmed, row.noted = last, true
		tx.change(row)
	}
	t.done = n < trimStep
	return 0, nil, nil
}
