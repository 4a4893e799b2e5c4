package enduser

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Environment is one of a tenant's two name spaces: the same external ID may exist once in
// each. The zero value means Customer.
type Environment string

// The environments.
const (
	Customer Environment = "Customer"
	Testing  Environment = "Testing"
)

// User is an end user of a tenant.
type User struct {
	// ID is the user's own ID, made by the Manager. It never changes and is never used
	// again.
	ID string

	// ExternalID is the ID by which the tenant's own systems know the user, in the
	// spelling that was given; "" if none. It is unique in the tenant's
	// environment. Spellings that differ only in case, or in how accents are
	// composed, are the same ID; with [Schema].ExactIDs only the latter.
	ExternalID string

	Tenant      string
	Environment Environment

	Name      string // as shown: "Ada Lovelace"; see [User.DisplayName]
	FirstName string
	LastName  string

	// Email is an e-mail address (RFC 5322 addr-spec), in the spelling that was given.
	// Addresses are compared without regard to case, and their domains in the form of IDNA
	// (UTS 46, non-transitional): "user@bücher.example" and "User@XN--BCHER-KVA.example" are
	// the same. A quoted local part that needs no quotes is the same without them.
	Email string

	Avatar   string // an http or https URL
	Language string // a well-formed BCP 47 tag; its parts need not be registered

	// Metadata is the tenant's own data about the user. SystemProperties is data of the
	// software around it, which the tenant reads and does not write.
	Metadata         Metadata
	SystemProperties Metadata

	Accounts []Account // linked accounts; each belongs to one user of the environment
	Groups   []string  // external IDs of the groups the user belongs to; see [Group]

	CreatedBy, UpdatedBy string    // the actors; see [Tenant.As]
	CreatedAt, UpdatedAt time.Time // UTC, whole milliseconds
	AddedAt              time.Time // when the registry first had the user: the order of lists

	// ExpiresAt is the deadline of a provisional user. From then on it does not
	// exist for any call, and [Manager.Sweep] deletes it. Zero means that it never expires.
	ExpiresAt time.Time

	// Version identifies this state of the user: every write makes another one. Revision
	// grows with every write, unless the store goes back in time.
	Version  Version
	Revision int64

	emailClaimed bool // the e-mail address is held as a unique key
	hasSensitive bool // there may be a record of its sensitive values
}

// Account is an account of a user elsewhere, e.g. {"discord", "8035"}. Both parts
// are compared byte by byte.
type Account struct {
	Type string
	ID   string
}

// DisplayName returns the name to show: Name, or the first and last name if that is empty.
// The Name of a [Filter] finds the words of it.
func (u User) DisplayName() string {
	if u.Name != "" {
		return u.Name
	}
	if u.FirstName == "" || u.LastName == "" {
		return u.FirstName + u.LastName
	}
	return u.FirstName + " " + u.LastName
}

// LogValue implements [slog.LogValuer]. A log shows the user's IDs and no personal data.
func (u User) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", u.ID),
		slog.String("tenant", u.Tenant),
		slog.Int64("revision", u.Revision),
	)
}

// String returns "user" and the ID, so that a print shows no personal data.
func (u User) String() string { return "user " + u.ID }

// Equal reports whether two users are the same in everything.
func (u User) Equal(v User) bool {
	return u.ID == v.ID && u.Tenant == v.Tenant && u.Environment == v.Environment &&
		u.CreatedBy == v.CreatedBy && u.UpdatedBy == v.UpdatedBy &&
		u.CreatedAt.Equal(v.CreatedAt) && u.UpdatedAt.Equal(v.UpdatedAt) && u.AddedAt.Equal(v.AddedAt) &&
		u.Version == v.Version && u.Revision == v.Revision && len(changedFields(&u, &v)) == 0
}

// Clone returns a copy that shares nothing with u.
func (u User) Clone() User {
	u.Metadata = maps.Clone(u.Metadata)
	u.SystemProperties = maps.Clone(u.SystemProperties)
	u.Accounts = slices.Clone(u.Accounts)
	u.Groups = slices.Clone(u.Groups)
	return u
}

// editable returns a copy whose maps can be written.
func (u User) editable() User {
	u = u.Clone()
	if u.Metadata == nil {
		u.Metadata = make(Metadata)
	}
	if u.SystemProperties == nil {
		u.SystemProperties = make(Metadata)
	}
	return u
}

// Expired reports whether the user's deadline has passed at that time.
func (u User) Expired(now time.Time) bool { return !u.ExpiresAt.IsZero() && !now.Before(u.ExpiresAt) }

// Spec describes a user to be made or changed. [Tenant.Upsert] leaves the fields unchanged
// that are empty in the Spec. No call changes a Spec's maps and slices; a new user that is
// returned may share them.
type Spec struct {
	ExternalID string

	Name      string
	FirstName string
	LastName  string
	Email     string
	Avatar    string
	Language  string

	Metadata         Metadata // merged key by key; a null value removes the key
	SystemProperties Metadata // likewise

	Accounts []Account // Upsert links these beside those the user has
	Groups   []string  // Upsert adds these

	// Clear names the fields that Upsert clears in a user that exists, before it writes the
	// others: "name", "first_name", "last_name", "email", "avatar" and "language". Any other
	// is ErrInvalid. It has no effect on a new user.
	Clear []string

	// Sensitive are values that can be written and not read. Each lives for [SensitiveTTL]
	// from its write, also if it is the same as before. A null one removes the value. See
	// [Edit.SetSensitive] for limits.
	Sensitive map[string]Secret

	// ExpiresIn makes a new user provisional: it expires unless Associate is called in
	// time. If it is zero a new user is permanent, and Ensure and Upsert make a provisional
	// user permanent, as Associate does. It has no other effect on a user that exists.
	ExpiresIn time.Duration
}

// join adds the groups that the user does not name yet.
func (u *User) join(groups []string) {
	if len(groups) == 0 {
		return
	}
	named := make(map[string]bool, len(u.Groups)+len(groups))
	for _, group := range u.Groups {
		named[norm.NFC.String(group)] = true
	}
	for _, group := range groups {
		if key := norm.NFC.String(group); !named[key] {
			named[key] = true
			u.Groups = append(u.Groups, group)
		}
	}
}

// link adds an account that is not linked yet.
func (u *User) link(a Account) {
	if !slices.Contains(u.Accounts, a) {
		u.Accounts = append(u.Accounts, a)
	}
}

// unlink takes an account away.
func (u *User) unlink(a Account) {
	u.Accounts = slices.DeleteFunc(u.Accounts, func(b Account) bool { return a == b })
}
