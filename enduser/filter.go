package enduser

import (
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/store"
)

// Filter selects users by all that is given; what is empty is not given. Every condition
// is answered by an index.
type Filter struct {
	ExternalID string
	Email      string  // in any case
	Account    Account // linked to the user
	Name       string  // every word of it is a word of the user's name, in any case; at most 8 words
	Group      string  // the provided ID of a group the user belongs to

	// Metadata are values that the user's metadata has. The keys must be among the
	// tenant's [Schema].IndexedMetadata; at most 6.
	Metadata Metadata
}

const (
	maxNameFilter = 8
	maxNameBytes  = 4096 // of the words of a filter
	maxMetaFilter = 6
)

// terms translates a filter for the store: index terms that must match, or, where
// the filter names something unique, its keys.
func (t Tenant) terms(v *violations, schema *Schema, f Filter) (terms, keys []store.Key) {
	if f.ExternalID != "" {
		checkFilter(v, ByExternalID(f.ExternalID))
		keys = append(keys, t.externalIDKey(f.ExternalID))
	}
	if f.Account != (Account{}) {
		checkFilter(v, ByAccount(f.Account))
		keys = append(keys, accountKey(f.Account))
	}
	if f.Email != "" {
		checkFilter(v, ByEmail(f.Email))
		terms = append(terms, emailKey(f.Email))
	}
	if f.Name != "" {
		names := words(f.Name, maxNameFilter+1)
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
		checkToken(v, Field{Name: "group"}, f.Group, maxGroup)
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
		case !utf8.ValidString(value.text):
			v.add(Field{Name: "metadata"}, CodeUTF8, textMessage(CodeUTF8))
		default:
			terms = append(terms, metadataKey(key, value))
		}
	}
	return terms
}

func checkFilter(v *violations, ref Ref) {
	if err, ok := errors.AsType[*InvalidError](ref.check()); ok {
		*v = append(*v, err.Violations...)
	}
}

// matches reports whether the whole filter selects a user, as the indexes would.
func (t Tenant) matches(f *Filter, u *User) bool {
	switch {
	case f.ExternalID != "" && (u.ExternalID == "" || !t.SameExternalID(f.ExternalID, u.ExternalID)),
		f.Email != "" && (u.Email == "" || emailKey(f.Email) != emailKey(u.Email)),
		f.Account != (Account{}) && !slices.Contains(u.Accounts, f.Account),
		f.Group != "" && !slices.ContainsFunc(u.Groups, func(g string) bool { return groupKey(g) == groupKey(f.Group) }):
		return false
	}
	if f.Name != "" {
		have := words(u.Name, maxNameWords)
		for word := range eachWord(f.Name, maxNameFilter) {
			if !slices.Contains(have, word) {
				return false
			}
		}
	}
	for key, value := range f.Metadata {
		if have, ok := u.Metadata[key]; !ok || have != value {
			return false
		}
	}
	return true
}
