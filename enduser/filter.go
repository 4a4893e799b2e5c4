package enduser

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/internal/fold"
	"github.com/rollbook-go/rollbook/store"
)

// Filter selects the users that match all its fields. Empty fields match every user. Every
// field is answered by an index. A field that no user can match under any policy is
// ErrInvalid: a text that is no e-mail address, an external ID with a "<", a name without a
// word.
type Filter struct {
	ExternalID string
	Email      string  // see [User].Email for how addresses are compared
	Account    Account // linked to the user
	Name       string  // every word of it is a word of [User.DisplayName], in any case; at most 8 words
	Group      string  // the external ID of a group the user belongs to; see [SameGroupID]

	// Metadata are values of the user's metadata. The keys must be among the tenant's
	// [Schema].IndexedMetadata; at most 6. Values are compared by their text, as people
	// search: String("12345") and Int(12345) find both the string and the number. Numbers
	// are compared by value: 5, 5.0 and 50e-1 are the same, with the text "5". A String also
	// finds the numbers that were written in its spelling. Objects are compared without
	// regard to the order of their members.
	Metadata Metadata
}

const (
	maxNameFilter = 8
	maxNameBytes  = 4096 // of the words of a filter
	maxMetaFilter = 6
)

// terms translates a filter for the store: index terms that must match, or unique keys if
// the filter has an external ID or account.
func (t Tenant) terms(v *violations, schema *Schema, f Filter) (terms, keys []store.Key) {
	if f.ExternalID != "" {
		checkExternalID(v, Field{Name: "external_id"}, f.ExternalID, maxExternalID)
		keys = append(keys, t.externalIDKey(f.ExternalID))
	}
	if f.Account != (Account{}) {
		checkToken(v, Field{Name: "account_type"}, f.Account.Type, maxAccountType)
		checkToken(v, Field{Name: "account_id"}, f.Account.ID, maxAccountID)
		keys = append(keys, accountKey(f.Account))
	}
	if f.Email != "" {
		address := strings.TrimSpace(f.Email)
		if address == "" {
			v.add(Field{Name: "email"}, CodeFormat, "must be an e-mail address")
		}
		checkEmail(v, address, maxEmail)
		terms = append(terms, emailKey(f.Email))
	}
	if f.Name != "" {
		names := fold.Words(f.Name, maxNameFilter+1)
		switch {
		case schema.NoNameIndex:
			v.add(Field{Name: "name"}, CodeValue, "is not indexed")
			names = nil
		case len(names) == 0 || len(names) > maxNameFilter || len(f.Name) > maxNameBytes || textFault(f.Name) != "":
			v.add(Field{Name: "name"}, CodeValue, "must be 1 to 8 words")
			names = nil
		}
		for _, word := range names {
			terms = append(terms, wordKey(word))
		}
	}
	if f.Group != "" {
		checkIdentifier(v, Field{Name: "group"}, f.Group, maxGroupID)
		terms = append(terms, groupKey(f.Group))
	}
	return append(terms, metadataTerms(v, schema, f.Metadata)...), keys
}

func metadataTerms(v *violations, schema *Schema, m Metadata) []store.Key {
	if len(m) > maxMetaFilter {
		v.add(Field{Name: "metadata"}, CodeCount, "must be at most 6 keys")
	}
	var terms []store.Key
	for key, value := range m {
		switch {
		case !slices.Contains(schema.IndexedMetadata, key):
			v.add(Field{Name: "metadata"}, CodeValue, "a key is not indexed")
		case value.IsNull():
			v.add(Field{Name: "metadata", Key: key}, CodeValue, "must not be null")
		case !utf8.ValidString(value.text):
			v.add(Field{Name: "metadata", Key: key}, CodeUTF8, textMessage(CodeUTF8))
		default:
			terms = append(terms, metadataKey(key, value.term()))
		}
	}
	return terms
}

// matches reports whether the filter selects a user, as the indexes would.
func (t Tenant) matches(f *Filter, u *User) bool {
	switch {
	case f.ExternalID != "" && (u.ExternalID == "" || !t.SameExternalID(f.ExternalID, u.ExternalID)),
		f.Email != "" && (u.Email == "" || emailKey(f.Email) != emailKey(u.Email)),
		f.Account != (Account{}) && !slices.Contains(u.Accounts, f.Account),
		f.Group != "" && !slices.ContainsFunc(u.Groups, func(g string) bool { return SameGroupID(g, f.Group) }):
		return false
	}
	if f.Name != "" {
		have := fold.Words(u.DisplayName(), fold.MaxWords)
		for word := range fold.EachWord(f.Name, maxNameFilter) {
			if !slices.Contains(have, word) {
				return false
			}
		}
	}
	for key, value := range f.Metadata {
		have, ok := u.Metadata[key]
		if !ok || !slices.Contains(appendMetadataKeys(nil, key, have), metadataKey(key, value.term())) {
			return false
		}
	}
	return true
}
