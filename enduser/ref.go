package enduser

import "log/slog"

// Ref names a user. [ByID], [ByExternalID], [ByEmail] and [ByAccount] make it.
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

// ByExternalID names the user with that external ID, in any spelling that is the
// same ID; see [User].
func ByExternalID(externalID string) Ref { return Ref{by: byExternalID, value: externalID} }

// ByEmail names the user with that e-mail address, in any case. Where e-mail
// addresses are not unique several users may have it: then calls fail with
// ErrAmbiguous.
func ByEmail(address string) Ref { return Ref{by: byEmail, value: address} }

// ByAccount names the user to whom that account is linked.
func ByAccount(accountType, accountID string) Ref {
	return Ref{by: byAccount, typ: accountType, value: accountID}
}

// ByEitherID names the user with that external ID, or the one whose own ID that is if
// it has no external ID: in any spelling that is the same ID. One ID never names two
// users, since a user without external ID holds its own among the external IDs.
func ByEitherID(id string) Ref { return Ref{by: byEitherID, value: id} }

// String returns by what the reference names a user, and not whom.
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
