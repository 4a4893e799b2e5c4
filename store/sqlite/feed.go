package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

// The left join returns one row even if there is no entry, so that the feed's beginning
// and its entries are of the same moment.
const (
	sqlChanges     = changesFrom + ` LIMIT (?4+0)`
	sqlChangesDesc = changesFrom + ` DESC LIMIT (?4+0)`
	changesFrom    = `SELECT t.trimmed, c.n, c.entry FROM rollbook_tenant t LEFT JOIN rollbook_change c
			ON c.n > (t.n << 38) + ?2 AND c.n < (t.n << 38) + ?3
		WHERE t.name = ?1 ORDER BY c.n`
)

// The number of an entry has the revision in its lower bits, and the tenant above them.
const (
	revisionBits = 38
	maxRevision  = 1<<revisionBits - 1
	maxTenant    = 1<<(63-revisionBits) - 1
)

// errFull is the error for a revision or a tenant whose number has too many bits.
var errFull = errors.New("no more revisions or tenants can be numbered")

// changeNumber returns the number of the entry with a revision, of which there are none
// above maxRevision.
func changeNumber(tenant, revision int64) int64 {
	return tenant<<revisionBits | min(revision, maxRevision)
}

// Changes implements [store.Store].
func (s *Store) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	return s.pool().Changes(ctx, tenant, q)
}

func (s source) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	c := s.observer.BeginCall("Changes")
	page, err := s.changePage(ctx, tenant, q)
	info := store.CallInfo{Items: len(page.Changes)}
	for i := range page.Changes {
		if page.Changes[i].Damaged {
			info.Damaged++
		}
	}
	c.End(info, err)
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
	before := int64(maxRevision + 1)
	if q.Before > 0 {
		before = min(before, int64(q.Before))
	}
	t := readTurn{method: "Changes", tenant: tenant, long: q.Limit > store.DefaultLimit}
	return read(ctx, s, t, func(ctx context.Context) (store.ChangePage, error) {
		rows, err := s.query(ctx, query, tenant, min(int64(q.After), maxRevision), before, q.Limit+1)
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
		var n sql.NullInt64
		var entry []byte
		if err := rows.Scan(&trimmed, &n, &entry); err != nil {
			return page, err
		}
		page.Trimmed = store.Revision(trimmed)
		if page.Trimmed > q.After && (q.After > 0 || !q.Desc) {
			return page, &store.TrimmedError{Through: page.Trimmed}
		}
		if !n.Valid {
			break
		}
		c := parseEntry(store.Revision(n.Int64&maxRevision), entry)
		size += len(c.Note)
		if n := len(page.Changes); n == q.Limit || n > 0 && size > store.MaxPageData {
			page.Next = page.Changes[n-1].Seq
			break
		}
		page.Changes = append(page.Changes, c)
	}
	return page, rows.Err()
}

// encodeEntry encodes an entry of the feed: the type in a byte, kind and ID of the record,
// each behind its length, an unsigned varint, and then the note.
func encodeEntry(change store.ChangeType, kind, id string, note []byte) []byte {
	b := make([]byte, 0, 1+2*binary.MaxVarintLen16+len(kind)+len(id)+len(note))
	b = append(b, byte(change))
	for _, s := range [2]string{kind, id} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return append(b, note...)
}

// parseEntry is the inverse of encodeEntry. What cannot be an entry is damaged.
func parseEntry(seq store.Revision, b []byte) store.Change {
	damaged := store.Change{Seq: seq, Damaged: true}
	if len(b) == 0 || b[0] < byte(store.Created) || b[0] > byte(store.Deleted) {
		return damaged
	}
	c := store.Change{Seq: seq, Revision: seq, Type: store.ChangeType(b[0]), Note: b[1:]}
	for _, s := range [2]*string{&c.Kind, &c.ID} {
		n, used := binary.Uvarint(c.Note)
		if used <= 0 || n == 0 || n > uint64(len(c.Note)-used) { //nolint:gosec // no negative number
			return damaged
		}
		end := used + int(n) //nolint:gosec // at most a length
		*s, c.Note = string(c.Note[used:end]), c.Note[end:]
	}
	return c
}

// trimStep is how many entries one step of Trim deletes. Each step moves the feed's
// beginning past them, and other writes run in between.
const trimStep = 1000

// Trim implements [store.Store].
func (s *Store) Trim(ctx context.Context, tenant string, through store.Revision) error {
	c := s.observer.BeginCall("Trim")
	queued, err := s.trim(ctx, tenant, through)
	c.End(store.CallInfo{Queued: queued}, err)
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
		if err := tx.exec(sqlTrimChanges, changeNumber(row.n, 0), changeNumber(row.n, last)); err != nil {
			return 0, nil, err
		}
		row.trimmed, row.noted = last, true
		tx.change(row)
	}
	t.done = n < trimStep
	return 0, nil, nil
}
