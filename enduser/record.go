package enduser

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

var errUnknownMember = errors.New("a member is not known")

// kindUser is the kind of the records that hold users.
const kindUser = "user"

// The kinds of a user's unique keys and index terms. Comparison keys carry their
// version in the kind.
const (
	keyExternalID = "external_id." + keyVersion // unique; a user without one holds its own ID
	keyAccount    = "account"                   // unique: type NUL id
	keyEmail      = "email." + keyVersion       // unique where claimed; always an index term
	termWord      = "word." + keyVersion
	termGroup     = "group." + keyVersion
	termMetadata  = "metadata" // key NUL JSON text
)

// termUnreadable marks a record that was due and could not be read.
var termUnreadable = store.Key{Kind: "unreadable", Value: "1"} //nolint:gochecknoglobals // a constant

// record returns the record that holds u. The order of its unique keys is the
// order in which conflicts are found: what identifies a user comes first.
func (p *Policy) record(u *User) store.Record {
	r := store.Record{
		ID:   u.ID,
		Kind: kindUser,
		Due:  u.ExpiresAt,
		Data: encodeUser(u),
	}
	r.Unique = make([]store.Key, 0, 2+len(u.Accounts))
	r.Unique = append(r.Unique, externalIDKey(cmp.Or(u.ExternalID, u.ID)))
	for _, a := range u.Accounts {
		r.Unique = append(r.Unique, accountKey(a))
	}
	r.Index = make([]store.Key, 0, 4+len(u.Groups)+len(p.IndexedMetadata))
	if u.Email != "" {
		key := emailKey(u.Email)
		if u.emailClaimed {
			r.Unique = append(r.Unique, key)
		}
		r.Index = append(r.Index, key)
	}
	for word := range eachWord(u.Name, maxNameWords) {
		r.Index = append(r.Index, wordKey(word))
	}
	for _, group := range u.Groups {
		r.Index = append(r.Index, groupKey(group))
	}
	for _, key := range p.IndexedMetadata {
		if value, ok := u.Metadata[key]; ok {
			r.Index = append(r.Index, metadataKey(key, value))
		}
	}
	return r
}

// identity returns the key among a new record's that identifies its user: the
// first, unless that is the user's own ID and there is another.
func identity(u *User, r *store.Record) store.Key {
	if u.ExternalID == "" && len(r.Unique) > 1 {
		return r.Unique[1]
	}
	return r.Unique[0]
}

func externalIDKey(id string) store.Key { return store.Key{Kind: keyExternalID, Value: compareKey(id)} }

func emailKey(address string) store.Key {
	return store.Key{Kind: keyEmail, Value: compareKey(strings.TrimSpace(address))}
}

func accountKey(a Account) store.Key {
	return store.Key{Kind: keyAccount, Value: a.Type + "\x00" + a.ID}
}

func wordKey(word string) store.Key { return store.Key{Kind: termWord, Value: cut(word)} }

func groupKey(id string) store.Key { return store.Key{Kind: termGroup, Value: cut(compareKey(id))} }

func metadataKey(key string, value Value) store.Key {
	return store.Key{Kind: termMetadata, Value: key + "\x00" + cut(value.Text())}
}

// cut keeps an index term short: a long text is represented by its hash. JSON
// text and words never begin with "sha256:".
func cut(text string) string {
	if len(text) <= 256 {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// storeTenant returns the name under which the store knows an environment of a
// tenant. No two pairs have the same: a name that looks like one of a Testing
// environment, or like one that was escaped, is escaped.
func storeTenant(tenant string, env Environment) string {
	switch {
	case env == Testing:
		return testingPrefix + tenant
	case strings.HasPrefix(tenant, testingPrefix), strings.HasPrefix(tenant, customerPrefix):
		return customerPrefix + tenant
	default:
		return tenant
	}
}

const (
	testingPrefix  = "t/"
	customerPrefix = "c/"
)

// parseStoreTenant is the inverse of storeTenant.
func parseStoreTenant(name string) (tenant string, env Environment) {
	if rest, found := strings.CutPrefix(name, testingPrefix); found {
		return rest, Testing
	}
	return strings.TrimPrefix(name, customerPrefix), Customer
}

func wholeMillis(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// changedFields returns the names of what differs between two states of a user,
// in the order of the fields; nil if nothing does.
func changedFields(old, u *User) []string {
	var fields []string
	for _, f := range []struct {
		name    string
		changed bool
	}{
		{"external_id", old.ExternalID != u.ExternalID},
		{"name", old.Name != u.Name},
		{"first_name", old.FirstName != u.FirstName},
		{"last_name", old.LastName != u.LastName},
		{"email", old.Email != u.Email},
		{"avatar", old.Avatar != u.Avatar},
		{"language", old.Language != u.Language},
	} {
		if f.changed {
			fields = append(fields, f.name)
		}
	}
	fields = append(fields, changedKeys("metadata", old.Metadata, u.Metadata)...)
	fields = append(fields, changedKeys("system_properties", old.SystemProperties, u.SystemProperties)...)
	if !slices.Equal(old.Accounts, u.Accounts) {
		fields = append(fields, "linked_accounts")
	}
	if !slices.Equal(old.Groups, u.Groups) {
		fields = append(fields, "groups")
	}
	if !old.ExpiresAt.Equal(u.ExpiresAt) {
		fields = append(fields, "expires_at")
	}
	return fields
}

// Up to so many changed metadata keys are named one by one, and so many bytes of
// them: the entries of the feed have a limit.
const (
	maxNamedKeys  = 64
	maxNamedBytes = 8 << 10
)

func changedKeys(name string, old, m Metadata) []string {
	var fields []string
	prefix := name + "."
	for key, value := range m {
		if before, ok := old[key]; !ok || before != value {
			fields = append(fields, prefix+key)
		}
	}
	for key := range old {
		if _, ok := m[key]; !ok {
			fields = append(fields, prefix+key)
		}
	}
	size := 0
	for _, field := range fields {
		size += len(field)
	}
	if len(fields) > maxNamedKeys || size > maxNamedBytes {
		return []string{name}
	}
	slices.Sort(fields)
	return fields
}
