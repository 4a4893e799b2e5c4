package enduser

import (
	"context"
	"log/slog"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/store"
)

// Tenant is a handle on the users of one environment of one tenant. Nothing that
// it does can see or touch another's. It is a small value, safe for concurrent
// use; [Manager.Tenant] makes it, and its methods In, As and With make others of
// it.
type Tenant struct {
	m      *Manager
	name   string
	env    Environment
	actor  string
	policy Policy
}

// In returns the handle on another environment of the tenant.
func (t Tenant) In(env Environment) Tenant {
	if env == "" {
		env = Customer
	}
	t.env = env
	return t
}

// As returns a handle whose writes are stamped with an actor: who, of the tenant's
// people or programs, did it. At most 256 bytes of text.
func (t Tenant) As(actor string) Tenant {
	t.actor = actor
	return t
}

// With returns a handle whose writes obey a policy, unless the host has set one
// for the tenant in [Options].
func (t Tenant) With(p Policy) Tenant {
	t.policy = p
	return t
}

// String returns the tenant's name and environment.
func (t Tenant) String() string { return t.name + "/" + string(t.env) }

// LogValue implements [slog.LogValuer]; see String.
func (t Tenant) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Name returns the tenant's name.
func (t Tenant) Name() string { return t.name }

// Environment returns the environment of the handle.
func (t Tenant) Environment() Environment { return t.env }

const maxTenantName = 255 // bytes

// begin judges the handle and returns the tenant's name in the store and the
// policy that holds. Every method begins with it.
func (t Tenant) begin() (name string, p Policy, err error) {
	var v violations
	if t.m == nil || t.name == "" || len(t.name) > maxTenantName || textFault(t.name) != "" {
		v.add("tenant", CodeValue, "must be 1 to 255 bytes of text")
	}
	if t.env != Customer && t.env != Testing {
		v.add("environment", CodeValue, "must be Customer or Testing")
	}
	if len(t.actor) > maxTenantName+1 || textFault(t.actor) != "" {
		v.add("actor", CodeValue, "must be at most 256 bytes of text")
	}
	if err := v.err(); err != nil {
		return "", Policy{}, err
	}
	p, fixed := t.m.policy(t.name)
	if !fixed {
		p = t.policy
	}
	return storeTenant(t.name, t.env), p.withDefaults(), nil
}

// Get returns a user. ErrNotFound if there is none, or it has expired;
// ErrAmbiguous if several have the e-mail address.
func (t Tenant) Get(ctx context.Context, ref Ref) (User, error) {
	name, _, err := t.begin()
	if err != nil {
		return User{}, err
	}
	_, u, err := t.get(ctx, name, ref, t.m.millis())
	return u, err
}

// get returns a user that lives at a time, and the record that holds it. One call
// has one time, so that nothing expires in the middle of it.
func (t Tenant) get(ctx context.Context, name string, ref Ref, now time.Time) (store.Record, User, error) {
	if ref.by == byEmail {
		return t.getByEmail(ctx, name, ref, now)
	}
	key, err := ref.key()
	if err != nil {
		return store.Record{}, User{}, err
	}
	r, err := t.m.store.Get(ctx, name, key)
	if err != nil {
		return store.Record{}, User{}, translate("get", err)
	}
	u, live, err := t.decode(&r, now)
	if err == nil && (!live || !ref.names(&u)) {
		err = ErrNotFound
	}
	return r, u, err
}

func (t Tenant) getByEmail(ctx context.Context, name string, ref Ref, now time.Time) (store.Record, User, error) {
	if err := ref.check(); err != nil {
		return store.Record{}, User{}, err
	}
	records, err := t.m.store.List(ctx, name, store.Query{
		Kind: kindUser, Match: []store.Key{emailKey(ref.value)}, NotDueBefore: tick(now), Limit: 2,
	})
	switch {
	case err != nil:
		return store.Record{}, User{}, translate("get", err)
	case len(records) == 0:
		return store.Record{}, User{}, ErrNotFound
	case len(records) > 1:
		return store.Record{}, User{}, ErrAmbiguous
	}
	u, live, err := t.decode(&records[0], now)
	if err == nil && !live {
		err = ErrNotFound
	}
	return records[0], u, err
}

// decode reads a record; live is false for what is not a user or has expired.
func (t Tenant) decode(r *store.Record, now time.Time) (u User, live bool, err error) {
	if r.Kind != kindUser {
		return User{}, false, nil
	}
	u, err = decodeUser(t.name, t.env, r)
	return u, !u.Expired(now), err
}

// key returns the unique key by which the store finds what the reference names.
func (r Ref) key() (store.Key, error) {
	if err := r.check(); err != nil {
		return store.Key{}, err
	}
	switch r.by {
	case byExternalID, byEitherID:
		return externalIDKey(r.value), nil
	case byAccount:
		return accountKey(Account{r.typ, r.value}), nil
	default:
		return store.ID(r.value), nil
	}
}

// names reports whether the user is one that the reference means. A user without
// external ID holds its own ID in the name space of external IDs, but does not go
// by it.
func (r Ref) names(u *User) bool { return r.by != byExternalID || u.ExternalID != "" }

// goesBy reports whether a unique key names the user.
func (u *User) goesBy(key store.Key) bool {
	switch key.Kind {
	case keyExternalID:
		return u.ExternalID != "" && externalIDKey(u.ExternalID) == key
	case keyAccount:
		return slices.ContainsFunc(u.Accounts, func(a Account) bool { return accountKey(a) == key })
	case keyEmail:
		return u.Email != "" && emailKey(u.Email) == key
	default:
		return u.ID == key.Value
	}
}

// maxIDBytes is the length of the longest ID of a record.
const maxIDBytes = store.MaxID

// check refuses references that can name nobody.
func (r Ref) check() error {
	var v violations
	field := r.String()
	switch {
	case r.by == byNothing:
		v.add("ref", CodeRequired, "must name a user")
	case r.value == "" || (r.by == byAccount && r.typ == ""):
		v.add(field, CodeRequired, "must not be empty")
	case len(r.value) > r.maxBytes() || len(r.typ) > utf8.UTFMax*maxAccountType:
		v.add(field, CodeLength, "is too long")
	case !utf8.ValidString(r.value) || !utf8.ValidString(r.typ):
		v.add(field, CodeUTF8, textMessage(CodeUTF8))
	case hasControl(r.value) || hasControl(r.typ):
		v.add(field, CodeCharacter, "must not contain control characters")
	case (r.by == byExternalID || r.by == byEitherID) && len(compareKey(r.value)) > maxExternalIDKey,
		r.by == byEmail && len(emailKey(r.value).Value) > maxEmailKey:
		v.add(field, CodeLength, "is too long")
	}
	return v.err()
}

// maxBytes returns the length of the longest value that can name somebody.
func (r Ref) maxBytes() int {
	switch r.by {
	case byExternalID, byEitherID, byEmail: // in the longest spelling; what is compared is much shorter
		return maxBytesPerCharacter * maxExternalID
	case byAccount:
		return utf8.UTFMax * maxAccountID
	default:
		return maxIDBytes
	}
}

func hasControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}
