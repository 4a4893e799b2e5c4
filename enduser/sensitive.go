package enduser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// SensitiveTTL is how long a sensitive value can be read after it was written. Then
// it is gone for every call, and [Manager.Sweep] deletes it.
const SensitiveTTL = 24 * time.Hour

// sensitiveField is what errors and changes call the values.
const sensitiveField = "sensitive_metadata"

const (
	maxSensitive      = 128 // values of a user at a time
	maxSensitiveKey   = 128 // characters
	maxSensitiveValue = 4 << 10
	maxVault          = 768 << 10 // bytes of a user's sealed values
)

// sensitiveEdit is what a function given to Update does to the sensitive values.
type sensitiveEdit struct {
	clear bool
	set   map[string]Secret
}

// SetSensitive sets a sensitive value, which then has [SensitiveTTL] to live, or
// with a null Secret removes it. It is for functions given to [Tenant.Update] and
// has no effect elsewhere. The key has 1 to 128 letters, digits, "-" and "_", a
// string at most 4 KiB; a user has at most 128 values, which have at most 768 KiB when
// they are sealed.
func (u *User) SetSensitive(key string, s Secret) {
	if u.edit == nil {
		u.edit = &sensitiveEdit{}
	}
	if u.edit.set == nil {
		u.edit.set = make(map[string]Secret)
	}
	u.edit.set[key] = s
}

// ClearSensitive removes all sensitive values but those that SetSensitive sets
// afterwards. It is for functions given to [Tenant.Update].
func (u *User) ClearSensitive() {
	if u.edit == nil {
		u.edit = &sensitiveEdit{}
	}
	*u.edit = sensitiveEdit{clear: true}
}

// orNil returns the edit, nil if there is nothing in it.
func (e *sensitiveEdit) orNil() *sensitiveEdit {
	if !e.clear && len(e.set) == 0 {
		return nil
	}
	return e
}

// RevealSensitive returns a user's sensitive values that are not over their time.
// It is for the host's own program: nothing that is reached over HTTP calls it. A
// value that cannot be opened is left out, and the error stands beside the others:
// ErrNoKey if the keyring does not have its key, ErrCorrupt if it is damaged.
// ErrNoKeyring without a Keyring.
func (t Tenant) RevealSensitive(ctx context.Context, ref Ref) (map[string]Value, error) {
	w, err := t.writer()
	if err != nil {
		return nil, err
	}
	if !w.m.HasKeyring() {
		return nil, ErrNoKeyring
	}
	_, u, err := t.get(ctx, w.name, ref, w.now)
	if err != nil {
		return nil, err
	}
	v, err := w.vault(ctx, &u)
	if err != nil {
		return nil, err
	}
	values := make(map[string]Value)
	var lost failures
	for _, s := range v.live(w.now) {
		text, err := w.m.open(ctx, s.sealed, sensitivePlace(w.name, u.ID, s.key, s.until))
		switch {
		case err == nil:
			values[s.key] = valueOf(text)
		case !lost.add(err):
			return nil, err
		}
	}
	return values, lost.err()
}

// values returns how many values the edit sets.
func (e *sensitiveEdit) values() int {
	count := 0
	for _, s := range e.set {
		if !s.IsNull() {
			count++
		}
	}
	return count
}

func checkSensitiveCount(v *violations, count int) {
	if count > maxSensitive {
		v.add(sensitiveField, CodeCount, fmt.Sprintf("must have at most %d keys", maxSensitive))
	}
}

// checkSensitive judges what is to be set.
func checkSensitive(v *violations, edit *sensitiveEdit) {
	if edit == nil {
		return
	}
	before := len(*v)
	checkSensitiveCount(v, edit.values())
	if len(*v) > before {
		return
	}
	for _, key := range sortedKeys(edit.set) {
		s, field := edit.set[key], sensitiveField+"."+key
		switch {
		case key == "" || len(key) > maxSensitiveKey || !isOf(key, "-_"):
			v.add(sensitiveField, CodeValue, "a key must have 1 to 128 letters, digits, - and _")
			continue
		case s.IsNull():
			continue
		}
		switch text, isString := (*s.value).Str(); {
		case isString && text == "":
			v.add(field, CodeRequired, "must not be empty")
		case isString && len(text) > maxSensitiveValue:
			v.add(field, CodeLength, fmt.Sprintf("must have at most %d bytes", maxSensitiveValue))
		case isString:
		default:
			_, isInt := (*s.value).Int64()
			_, isBool := (*s.value).Bool()
			if !isInt && !isBool {
				v.add(field, CodeValue, "must be a string, an integer or a boolean")
			}
		}
	}
}

// vault is a user's sensitive values as they are kept: a record of their own, which
// is written with the user and deleted with it.
type vault struct {
	record store.Record // Revision 0: there is none
	values []sealedValue
}

type sealedValue struct {
	key    string
	until  time.Time
	sealed []byte
}

func sensitivePlace(tenant, user, key string, until time.Time) place {
	return place{tenant: tenant, record: user, field: sensitiveField + "." + key, until: until}
}

// vaultID returns the ID of the record with a user's sensitive values. No user has
// it, since IDs of users have no slash.
func vaultID(user string) string { return kindVault + "/" + user }

// storedVault returns the record with a user's sensitive values, if there is one.
func (m *Manager) storedVault(ctx context.Context, tenant string, u *User) (r store.Record, exists bool, err error) {
	if !u.hasVault {
		return store.Record{}, false, nil
	}
	r, err = m.store.Get(ctx, tenant, store.ID(vaultID(u.ID)))
	if errors.Is(err, store.ErrNotFound) { // the sweeper deleted the last value
		return store.Record{}, false, nil
	}
	return r, err == nil, translate("get", err)
}

// vault returns a user's sensitive values.
func (w *writer) vault(ctx context.Context, u *User) (vault, error) {
	r, exists, err := w.m.storedVault(ctx, w.name, u)
	if err != nil || !exists {
		return vault{}, err
	}
	v := vault{record: r}
	if err = v.scan(); err != nil && u.edit != nil && u.edit.clear {
		err, v.values = nil, nil // what is replaced need not be read
	}
	return v, err
}

// live keeps the values whose time is not over.
func (v *vault) live(now time.Time) []sealedValue {
	return slices.DeleteFunc(slices.Clone(v.values), func(s sealedValue) bool { return !now.Before(s.until) })
}

// fields names what an edit changes of the values.
func (e *sensitiveEdit) fields(live []sealedValue) []string {
	if e == nil {
		return nil
	}
	const prefix = sensitiveField + "."
	var fields []string
	for key, s := range e.set {
		if !s.IsNull() {
			fields = append(fields, prefix+key)
		}
	}
	for _, s := range live {
		if set, given := e.set[s.key]; (e.clear && !given) || (given && set.IsNull()) {
			fields = append(fields, prefix+s.key)
		}
	}
	if len(fields) > maxNamedKeys {
		return []string{sensitiveField}
	}
	slices.Sort(fields)
	return fields
}

// edited returns the write that brings an edit about, nil for none.
func (w *writer) edited(ctx context.Context, old *vault, u *User) ([]store.Op, error) {
	if u.edit == nil {
		return nil, nil
	}
	var values []sealedValue
	for _, s := range old.live(w.now) {
		if _, given := u.edit.set[s.key]; !given && !u.edit.clear {
			values = append(values, s)
		}
	}
	var v violations
	checkSensitiveCount(&v, len(values)+u.edit.values())
	if err := v.err(); err != nil {
		return nil, err
	}
	until := w.now.Add(SensitiveTTL)
	for key, s := range u.edit.set {
		if s.IsNull() {
			continue
		}
		sealed, err := w.m.seal(ctx, (*s.value).Text(), sensitivePlace(w.name, u.ID, key, until))
		if err != nil {
			return nil, err
		}
		values = append(values, sealedValue{key, until, sealed})
	}
	return w.writeVault(old, u, values)
}

// writeVault returns the op that makes the values those of a user.
func (w *writer) writeVault(old *vault, u *User, values []sealedValue) ([]store.Op, error) {
	u.hasVault = len(values) > 0
	exists := old.record.Revision > 0
	if !u.hasVault {
		if !exists {
			return nil, nil
		}
		return []store.Op{store.Delete(old.record, nil)}, nil
	}
	slices.SortFunc(values, func(a, b sealedValue) int { return cmp.Compare(a.key, b.key) })
	r := vaultRecord(u.ID, values)
	if len(r.Data) > maxVault {
		return nil, &InvalidError{Violations: []Violation{{sensitiveField, CodeLength, "is too long in all"}}}
	}
	if exists {
		return []store.Op{store.Replace(old.record, r, nil)}, nil
	}
	return []store.Op{store.Create(r, nil)}, nil
}

// dependents returns the ops that delete what belongs to a user that is deleted.
func (m *Manager) dependents(ctx context.Context, tenant string, u *User) ([]store.Op, error) {
	r, exists, err := m.storedVault(ctx, tenant, u)
	if err != nil || !exists {
		return nil, err
	}
	return []store.Op{store.Delete(r, nil)}, nil
}

// kindVault is the kind of the records that hold sensitive values.
const kindVault = "sensitive"

// vaultCodecVersion is the form of such a record's body; see codecVersion.
const vaultCodecVersion = 1

// vaultRecord returns the record that holds a user's values. It is due when the
// first of them is over its time.
func vaultRecord(user string, values []sealedValue) store.Record {
	r := store.Record{ID: vaultID(user), Kind: kindVault}
	b := []byte(`{"v":1,"values":[`)
	for i, s := range values {
		if i > 0 {
			b = append(b, ',')
		}
		if r.Due.IsZero() || s.until.Before(r.Due) {
			r.Due = s.until
		}
		b = jsontext.AppendString(append(b, `{"key":`...), s.key)
		b = append(appendSealed(appendTime(b, "until", s.until), "sealed", s.sealed), '}')
	}
	r.Data = append(b, "]}"...)
	return r
}

// scan reads the record's values. The error is ErrCorrupt.
func (v *vault) scan() error {
	p := jsontext.NewScanner(string(v.record.Data))
	version := int64(0)
	err := p.Object(func(name string) (err error) {
		switch name {
		case "v":
			version, err = p.Int()
		case "values":
			err = p.Array(func() error { return v.scanValue(&p) })
		default:
			err = errUnknownMember
		}
		return err
	})
	if err == nil {
		err = p.End()
	}
	if err == nil && version != vaultCodecVersion {
		err = fmt.Errorf("version %d of the body is not known", version)
	}
	if err != nil {
		return fmt.Errorf("%w: sensitive values: %w", ErrCorrupt, err)
	}
	return nil
}

func (v *vault) scanValue(p *jsontext.Scanner) error {
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
			err = errUnknownMember
		}
		return err
	})
	if err == nil && (s.key == "" || s.until.IsZero() || s.sealed == nil) {
		err = errors.New("a value is not whole")
	}
	v.values = append(v.values, s)
	return err
}
