package enduser

import (
	"context"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// kind describes a kind of record to the calls that serve all kinds: sweeps, walks over
// secrets, writes over records of newer programs. Each kind describes itself in its own file.
// A function that does not apply to a kind is nil.
type kind struct {
	name string

	// member reports whether this program writes a member of the record's body.
	member func(name string) bool

	// key reports whether unique keys or index terms of a kind are this program's own. The
	// field is the name of a unique key in a ConflictError, or "".
	key func(kind string) (field string, own bool)

	// overdue returns the writes for a record that is due, none if nothing in it has expired.
	// If there are several, the first one removes the record that belongs to this one, which
	// may be deleted already.
	overdue func(w *writer, r *store.Record) ([]store.Op, error)

	// ttl is how long everything in a record lives at most; 0 means for ever. With a ttl, a
	// sweep deletes unreadable records once they have been due for that long, and visits
	// those whose deadline is further away, which a wrong clock must have set.
	ttl time.Duration

	// sealed returns the sealed texts in a record.
	sealed func(t Tenant, r *store.Record) ([][]byte, error)

	// reseal returns a record with its sealed texts under the key for new secrets, nil if
	// they are under it already.
	reseal func(ctx context.Context, w *writer, r *store.Record) (*store.Record, error)
}

// kinds is the table of all kinds of records.
func kinds() []kind {
	return []kind{
		userKind(), sensitiveKind(), groupKind(), answerKind(),
		webhookKind(), webhookTurnKind(), webhookLogKind(), webhookDeadKind(),
	}
}

// kind returns the kind with a name; for an unknown name one to which nothing applies.
func (m *Manager) kind(name string) kind {
	for _, k := range m.kinds {
		if k.name == name {
			return k
		}
	}
	return kind{name: name}
}

// termUnreadable marks a record that was due and unreadable.
var termUnreadable = store.Key{Kind: "unreadable", Value: "1"} //nolint:gochecknoglobals // a constant

// carried is what a newer program has added to a record, and a write over it keeps.
type carried struct {
	members       []byte // of the body, each with a comma in front
	unique, index []store.Key

	ownID bool // a user's own ID is held among the external IDs
}

// carry returns what a write over a record must keep. It returns ErrNewer if the record must
// not be overwritten.
func (k kind) carry(r *store.Record) (carried, error) {
	c := carried{unique: k.foreign(r.Unique), index: k.foreign(r.Index)}
	p := jsontext.NewScanner(string(r.Data))
	var v versions
	err := p.Object(func(name string) error {
		if is, err := v.member(&p, name); is {
			return err
		}
		value, err := p.Raw()
		if !k.member(name) {
			c.members = append(append(jsontext.AppendString(append(c.members, ','), name), ':'), value...)
		}
		return err
	})
	switch {
	case err != nil:
		return carried{}, unreadable(k.name, r.ID, err)
	case v.write > bodyVersion:
		return carried{}, newer(k.name, r.ID)
	}
	return c, nil
}

// foreign returns the keys that are not this program's own: those of a newer program.
func (k kind) foreign(keys []store.Key) []store.Key {
	var foreign []store.Key
	for _, key := range keys {
		own := key == termUnreadable
		if k.key != nil && !own {
			_, own = k.key(key.Kind)
		}
		if !own {
			foreign = append(foreign, key)
		}
	}
	return foreign
}
