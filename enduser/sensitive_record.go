package enduser

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// kindSensitive is the kind of the records that hold sensitive values.
const kindSensitive = "sensitive"

// sensitiveKind describes the records that hold sensitive values.
func sensitiveKind() kind {
	return kind{
		name: kindSensitive, member: func(name string) bool { return name == "values" },
		overdue: (*writer).overdueSensitive, ttl: SensitiveTTL, sealed: sealedInSensitive,
	}
}

// overdueSensitive returns the write that takes expired values from a record.
func (w *writer) overdueSensitive(r *store.Record) ([]store.Op, error) {
	v := sensitiveRecord{record: *r}
	if err := v.scan(); err != nil {
		return nil, err
	}
	live := v.live(w.now)
	switch len(live) {
	case len(v.values):
		return nil, nil
	case 0:
		return []store.Op{store.Delete(*r, nil)}, nil
	}
	kept, err := v.rewrite(live)
	return []store.Op{store.Replace(*r, kept, nil)}, err
}

func sealedInSensitive(_ Tenant, r *store.Record) ([][]byte, error) {
	v := sensitiveRecord{record: *r}
	if err := v.scan(); err != nil {
		return nil, err
	}
	var sealed [][]byte
	for _, s := range v.values {
		sealed = append(sealed, s.sealed)
	}
	return sealed, nil
}

// sensitiveRecord is the record of a user's sensitive values. It is written with the user
// and deleted with it.
type sensitiveRecord struct {
	record store.Record // Revision 0: there is none
	values []sealedValue
	lost   bool // the record is unreadable, and all its values are to be cleared
}

type sealedValue struct {
	key    string
	until  time.Time
	sealed []byte
}

func sensitivePlace(tenant, user, key string, until time.Time) place {
	return place{tenant: tenant, record: user, field: sensitiveField + "." + key, until: until}
}

// sensitiveID returns the ID of the record with a user's sensitive values. No user has
// it, since IDs of users have no slash.
func sensitiveID(user string) string { return kindSensitive + "/" + user }

// sensitive returns the record of a user's sensitive values. If they are to be cleared the
// record may be unreadable.
func (w *writer) sensitive(ctx context.Context, u *User, cleared bool) (sensitiveRecord, error) {
	if !u.hasSensitive {
		return sensitiveRecord{}, nil
	}
	var v sensitiveRecord
	r, err := w.m.store.Get(ctx, w.name, store.ID(sensitiveID(u.ID)))
	if errors.Is(err, store.ErrNotFound) { // the sweeper deleted the last value
		return sensitiveRecord{}, nil
	}
	if err = translate("get", err); err == nil {
		v.record = r
		err = v.scan()
	}
	if cleared && errors.Is(err, ErrCorrupt) {
		v.values, v.lost, err = nil, true, nil
	}
	return v, err
}

// live returns the values that have not expired.
func (v *sensitiveRecord) live(now time.Time) []sealedValue {
	return slices.DeleteFunc(slices.Clone(v.values), func(s sealedValue) bool { return over(s.until, SensitiveTTL, now) })
}

// clockTolerance is how much the clocks of the processes on one store may differ without
// the loss of a secret.
const clockTolerance = 5 * time.Minute

// over reports whether a secret that lives for a limited time has expired: its deadline has
// passed, or is so far away that a wrong clock must have set it. Otherwise the secret would
// live on, and nobody can tell for how long it should.
func over(deadline time.Time, atMost time.Duration, now time.Time) bool {
	return !now.Before(deadline) || deadline.After(now.Add(atMost+clockTolerance))
}

// edited returns the write that an edit of the sensitive values takes, nil for none. It sets
// u.hasSensitive.
func (w *writer) edited(ctx context.Context, old *sensitiveRecord, u *User, edit *sensitiveEdit) ([]store.Op, error) {
	if edit.isZero() {
		return nil, nil
	}
	var values []sealedValue
	for _, s := range old.live(w.now) {
		if _, given := edit.set[s.key]; !given && !edit.clear {
			values = append(values, s)
		}
	}
	var v violations
	checkSensitiveCount(&v, len(values)+edit.values())
	if err := v.err(); err != nil {
		return nil, err
	}
	until := w.now.Add(SensitiveTTL)
	for key, s := range edit.set {
		if s.IsNull() {
			continue
		}
		sealed, err := w.m.seal(ctx, s.reveal().Text(), sensitivePlace(w.name, u.ID, key, until))
		if err != nil {
			return nil, err
		}
		values = append(values, sealedValue{key, until, sealed})
	}
	u.hasSensitive = len(values) > 0
	return old.replaced(u.ID, values)
}

// replaced returns the write that gives a user these values.
func (v *sensitiveRecord) replaced(user string, values []sealedValue) ([]store.Op, error) {
	exists := v.record.Revision > 0
	if len(values) == 0 {
		switch {
		case v.lost:
			return []store.Op{store.Remove(sensitiveID(user), kindSensitive, nil)}, nil
		case exists:
			return []store.Op{store.Delete(v.record, nil)}, nil
		}
		return nil, nil
	}
	if v.lost && !exists { // a batch can write an ID only once, so not remove and create it
		return nil, unreadable(kindSensitive, user, ErrCorrupt)
	}
	r := newSensitiveRecord(user, values, carried{})
	if exists && !v.lost {
		var err error
		if r, err = v.rewrite(values); err != nil {
			return nil, err
		}
	}
	if len(r.Data) > maxSensitiveBytes {
		return nil, invalidField(Field{Name: sensitiveField}, CodeLength, "is too long in all")
	}
	if exists {
		return []store.Op{store.Replace(v.record, r, nil)}, nil
	}
	return []store.Op{store.Create(r, nil)}, nil
}

// rewrite returns the record that holds values and replaces v. It keeps what a newer program
// has added, and returns ErrNewer if the record must not be overwritten.
func (v *sensitiveRecord) rewrite(values []sealedValue) (store.Record, error) {
	user := v.record.ID[len(sensitiveID("")):]
	from, err := sensitiveKind().carry(&v.record)
	if err != nil {
		return store.Record{}, err
	}
	return newSensitiveRecord(user, values, from), nil
}

// newSensitiveRecord returns the record that holds a user's values. It is due when the first
// value expires.
func newSensitiveRecord(user string, values []sealedValue, from carried) store.Record {
	r := store.Record{ID: sensitiveID(user), Kind: kindSensitive}
	slices.SortFunc(values, func(a, b sealedValue) int { return cmp.Compare(a.key, b.key) })
	for _, s := range values {
		if r.Due.IsZero() || s.until.Before(r.Due) {
			r.Due = s.until
		}
	}
	b := jsontext.AppendList(appendName(appendVersions(nil), "values"), values, appendValue)
	b = append(b, from.members...)
	r.Data = append(b, '}')
	r.Unique, r.Index = from.unique, from.index
	return r
}

func appendValue(b []byte, s sealedValue) []byte {
	b = jsontext.AppendString(append(b, `{"key":`...), s.key)
	b = appendTime(b, "until", s.until)
	return append(appendSealed(b, "sealed", s.sealed), '}')
}

// scan reads the record's values. The error is an *UnreadableError.
func (v *sensitiveRecord) scan() error {
	p := jsontext.NewScanner(string(v.record.Data))
	var vs versions
	err := p.Object(func(name string) error {
		if name == "values" {
			return p.Array(func() error { return v.scanValue(&p) })
		}
		return vs.other(&p, name)
	})
	if err = vs.end(&p, err); err != nil {
		return unreadable(kindSensitive, v.record.ID, err)
	}
	return nil
}

func (v *sensitiveRecord) scanValue(p *jsontext.Scanner) error {
	var s sealedValue
	err := p.Object(func(name string) (err error) {
		switch name {
		case "key":
			s.key, err = p.String()
		case "until":
			s.until, err = scanTime(p)
		case "sealed":
			s.sealed, err = scanSealed(p)
		default:
			_, err = p.Raw()
		}
		return err
	})
	if err == nil && (s.key == "" || s.until.IsZero() || s.sealed == nil) {
		err = errors.New("a value is incomplete")
	}
	v.values = append(v.values, s)
	return err
}

// dependents returns the ops that delete what belongs to a user.
func (m *Manager) dependents(ctx context.Context, tenant string, u *User) ([]store.Op, error) {
	if !u.hasSensitive {
		return nil, nil
	}
	return m.sensitiveDeletion(ctx, tenant, u.ID)
}

// sensitiveDeletion returns the op that deletes a user's sensitive values, readable or not.
// It returns nil if there are none.
func (m *Manager) sensitiveDeletion(ctx context.Context, tenant, user string) ([]store.Op, error) {
	return m.deletionOf(ctx, tenant, kindSensitive, sensitiveID(user))
}

// deletionOf returns the op that deletes a record, readable or not. It returns nil if there is
// none.
func (m *Manager) deletionOf(ctx context.Context, tenant, kind, id string) ([]store.Op, error) {
	r, err := m.store.Get(ctx, tenant, store.ID(id))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case errors.Is(err, store.ErrDamaged):
		return []store.Op{store.Remove(id, kind, nil)}, nil
	case err != nil:
		return nil, translate("get", err)
	}
	return []store.Op{store.Delete(r, nil)}, nil
}
