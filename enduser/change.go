package enduser

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// ChangeType says what happened to a user or group.
type ChangeType string

// The types of a change.
const (
	ChangeCreated    ChangeType = "created"
	ChangeUpdated    ChangeType = "updated"
	ChangeAssociated ChangeType = "associated" // a provisional user became permanent
	ChangeDeleted    ChangeType = "deleted"
	ChangeExpired    ChangeType = "expired" // a provisional user was deleted after its deadline
)

// Change is an entry of the change feed of a tenant's environment. It says that
// something changed and never what it was or is, so that deleting a user leaves
// nothing of it behind.
type Change struct {
	Revision int64 // the position in the feed; the revision of what changed, after it
	Type     ChangeType
	Kind     string    // what changed: "user" or "group"
	ID       string    // its ID
	Actor    string    // who did it; see [Tenant.As]
	At       time.Time // when, by the clock of the Manager that did it

	// Fields names what an update changed: "email", "metadata.plan".
	Fields []string
}

// Changes returns the changes after a revision, oldest first: 0 is the beginning.
// Every write that succeeded is in it exactly once, in the order in which it
// happened. At most limit, 1 to 1,000; 0 means 100. ErrTrimmed if changes after
// that revision may have been trimmed.
func (t Tenant) Changes(ctx context.Context, after int64, limit int) ([]Change, error) {
	name, _, err := t.begin()
	if err != nil {
		return nil, err
	}
	entries, err := t.m.store.Changes(ctx, name, store.Revision(after), limit)
	if err != nil {
		return nil, translate("read changes", err)
	}
	changes := make([]Change, len(entries))
	for i, e := range entries {
		changes[i] = Change{Revision: int64(e.Revision), Kind: e.Kind, ID: e.ID}
		if err := changes[i].scan(string(e.Note)); err != nil {
			return nil, fmt.Errorf("%w: change %d: %w", ErrCorrupt, e.Revision, err)
		}
	}
	return changes, nil
}

// WaitChanges returns nil when there may be changes after a revision, at once if
// there are already. It returns the context's error if that ends first.
func (t Tenant) WaitChanges(ctx context.Context, after int64) error {
	name, _, err := t.begin()
	if err != nil {
		return err
	}
	return translate("wait for changes", store.Wait(ctx, t.m.store, name, store.Revision(after), 0))
}

// TrimChanges forgets the changes up to a revision, that one included, for good.
func (t Tenant) TrimChanges(ctx context.Context, through int64) error {
	name, _, err := t.begin()
	if err != nil {
		return err
	}
	return translate("trim changes", t.m.store.Trim(ctx, name, store.Revision(through)))
}

// note returns the change's entry in the store's feed.
func (w *writer) note(kind ChangeType, fields []string) []byte {
	return appendNote(kind, w.actor, w.now, fields)
}

func appendNote(kind ChangeType, actor string, at time.Time, fields []string) []byte {
	b := make([]byte, 0, 96)
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","at":`...)
	b = strconv.AppendInt(b, at.UnixMilli(), 10)
	b = appendText(b, "actor", actor)
	if len(fields) > 0 {
		b = append(b, `,"fields":[`...)
		for i, field := range fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsontext.AppendString(b, field)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func (c *Change) scan(note string) error {
	p := jsontext.NewScanner(note)
	err := p.Object(func(name string) (err error) {
		switch name {
		case "type":
			var s string
			s, err = p.String()
			c.Type = ChangeType(s)
		case "at":
			c.At, err = scanTime(&p)
		case "actor":
			c.Actor, err = p.String()
		case "fields":
			err = p.Array(func() error {
				field, err := p.String()
				c.Fields = append(c.Fields, field)
				return err
			})
		default: // a newer program says more; a note is never written back
			_, err = p.Raw()
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.End()
}
