package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

// The left join gives one row even if there is no entry, so that whether the feed
// was trimmed and what it holds come from one moment.
const sqlChanges = `SELECT t.trimmed, c.revision, c.type, c.kind, c.id, c.note
	FROM rollbook_tenant t LEFT JOIN rollbook_change c ON c.tenant = t.n AND c.revision > ?2
	WHERE t.n = ?1 ORDER BY c.revision LIMIT (?3+0)`

// Changes implements [store.Store].
func (s *Store) Changes(ctx context.Context, tenant string, after store.Revision, limit int) ([]store.Change, error) {
	limit, err := store.CheckChanges(tenant, after, limit)
	if err != nil {
		return nil, err
	}
	return read(ctx, s, func(ctx context.Context) ([]store.Change, error) {
		n, err := s.number(ctx, tenant)
		if n == 0 || err != nil {
			return nil, err
		}
		rows, err := s.reads.query(ctx, sqlChanges, n, int64(after), limit)
		if err != nil {
			return nil, err
		}
		return changes(rows, after)
	})
}

func changes(rows *sql.Rows, after store.Revision) ([]store.Change, error) {
	defer func() { _ = rows.Close() }() // Err below has what matters
	var page []store.Change
	for rows.Next() {
		var trimmed int64
		var revision, kind sql.NullInt64
		var recordKind, id sql.NullString
		var note []byte
		if err := rows.Scan(&trimmed, &revision, &kind, &recordKind, &id, &note); err != nil {
			return nil, err
		}
		if trimmed > int64(after) {
			return nil, store.ErrTrimmed
		}
		if revision.Valid {
			page = append(page, store.Change{
				Revision: store.Revision(revision.Int64),
				Type:     store.ChangeType(kind.Int64), //nolint:gosec // a column of small numbers
				Kind:     recordKind.String,
				ID:       id.String,
				Note:     note,
			})
		}
	}
	return page, rows.Err()
}

// A long feed is trimmed in steps, so that other writes need not wait for all of
// it. Each step moves the feed's beginning past what it deletes.
const trimStep = 1000 // entries

// Trim implements [store.Store].
func (s *Store) Trim(ctx context.Context, tenant string, through store.Revision) error {
	if err := store.CheckTrim(tenant, through); err != nil {
		return err
	}
	for begun := false; ; begun = true {
		t := &trim{tenant: tenant, through: int64(through)}
		_, err := s.writer.submit(ctx, t, 0)
		switch {
		case err != nil && begun && !errors.Is(err, store.ErrUnknown):
			return unknown(err)
		case err != nil || t.done:
			return err
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
	through := min(t.through, row.revision)
	for deleted := int64(0); row.trimmed < through && deleted < trimStep; {
		upTo := min(through, row.trimmed+trimStep)
		result, err := tx.s.exec(sqlTrimChanges, row.n, row.trimmed, upTo)
		tx.writes++
		if err != nil {
			return 0, nil, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, nil, err
		}
		deleted += n
		row.trimmed, row.changed, row.noted = upTo, true, true
	}
	t.done = row.trimmed >= through
	return 0, nil, nil
}
