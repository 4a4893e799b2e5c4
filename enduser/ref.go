package enduser

import (
	"log/slog"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/internal/fold"
	"github.com/rollbook-go/rollbook/store"
)

// Ref names a user. [ByID], [ByExternalID], [ByEmail], [ByAccount] and [ByEitherID] make it.
type Ref struct {
	by    refKind
	value string
	typ   string // of an account
}

type refKind uint8

const (
	byNothing refKind = iota
	byID
	byExternalID
	byEmail
	byAccount
	byEitherID
)

// ByID names the user with that ID.
func ByID(id string) Ref { return Ref{by: byID, value: id} }

// ByExternalID names the user with that external ID, in any spelling; see [User].
func ByExternalID(externalID string) Ref { return Ref{by: byExternalID, value: externalID} }

// ByEmail names the user with that e-mail address; see [User].Email for how addresses are
// compared. If several users have it calls fail with ErrAmbiguous.
func ByEmail(address string) Ref { return Ref{by: byEmail, value: address} }

// ByAccount names the user to whom that account is linked.
func ByAccount(a Account) Ref { return Ref{by: byAccount, typ: a.Type, value: a.ID} }

// ByEitherID names the user with that own ID, or else the one with that external ID. One ID
// never names two users, since nobody can take another's own ID as external ID. Either may be
// in any case; with [Schema].ExactIDs its case matters.
func ByEitherID(id string) Ref { return Ref{by: byEitherID, value: id} }

// String returns the kind of the reference, and nothing of the user.
func (r Ref) String() string {
	switch r.by {
	case byID, byEitherID:
		return "id"
	case byExternalID:
		return "external_id"
	case byEmail:
		return "email"
	case byAccount:
		return "linked_account"
	case byNothing:
	}
	return "ref"
}

// GoString implements fmt.GoStringer; see String.
func (r Ref) GoString() string { return "enduser.Ref(" + r.String() + ")" }

// LogValue implements [slog.LogValuer]; see String.
func (r Ref) LogValue() slog.Value { return slog.StringValue(r.String()) }

// key returns the unique key by which the store finds the user.
func (r Ref) key(t Tenant) (store.Key, error) {
	if err := r.check(); err != nil {
		return store.Key{}, err
	}
	switch r.by {
	case byExternalID, byEitherID:
		return t.externalIDKey(r.value), nil
	case byAccount:
		return accountKey(Account{r.typ, r.value}), nil
	default:
		return store.ID(r.value), nil
	}
}

// names reports whether the reference names a user that its key found. A user may hold its own
// ID among the external IDs, but that is not its external ID.
func (r Ref) names(t Tenant, u *User) bool {
	return r.by != byExternalID ||
		u.ExternalID != "" && (u.ExternalID == r.value || t.SameExternalID(u.ExternalID, r.value))
}

// goesBy reports whether a unique key is one of the user's names.
func (u *User) goesBy(key store.Key) bool {
	switch key.Kind {
	case keyExternalID:
		return u.ExternalID != "" && externalIDKey(u.ExternalID, false) == key
	case keyExactID:
		return u.ExternalID != "" && externalIDKey(u.ExternalID, true) == key
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

// check rejects references that can name nobody.
func (r Ref) check() error {
	var v violations
	field := Field{Name: r.String()}
	switch {
	case r.by == byNothing:
		v.add(field, CodeRequired, "must name a user")
	case r.value == "" || (r.by == byAccount && r.typ == ""):
		v.add(field, CodeRequired, "must not be empty")
	case len(r.value) > r.maxBytes() || len(r.typ) > utf8.UTFMax*maxAccountType:
		v.add(field, CodeLength, "is too long")
	case !utf8.ValidString(r.value) || !utf8.ValidString(r.typ):
		v.add(field, CodeUTF8, textMessage(CodeUTF8))
	case hasControl(r.value) || hasControl(r.typ):
		v.add(field, CodeCharacter, "must not contain control characters")
	case (r.by == byExternalID || r.by == byEitherID) && len(fold.Key(r.value)) > maxExternalIDKey,
		r.by == byEmail && len(emailKey(r.value).Value) > maxEmailKey:
		v.add(field, CodeLength, "is too long")
	}
	return v.err()
}

// maxBytes returns the length of the longest value that can name somebody.
func (r Ref) maxBytes() int {
	switch r.by {
	case byExternalID, byEitherID, byEmail: // in the longest spelling; the key is much shorter
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
