package enduser

import "slices"

// Schema says by what the users of a tenant can be found. It is the tenant's, the same
// for whoever writes, where a [Policy] is that of the door through which a write comes.
// The zero value is a good schema.
//
// A write never takes away what a user is found by: where programs or processes have
// different schemas for a time, users stay found under both. [Tenant.Reindex] gives
// all users of a tenant what the schema asks for, and takes away what it does not.
type Schema struct {
	// IndexedMetadata lists the metadata keys by which users can be listed, at most
	// 32. Users written before a key was listed are found after [Tenant.Reindex].
	IndexedMetadata []string

	// ExactIDs compares external IDs exactly, after Unicode normalization to NFC,
	// instead of in any case: for IDs like those of Salesforce. It cannot be changed
	// where there are users: a tenant with it and one without are two, in the store
	// and for every call. E-mail addresses are compared in any case all the same, and
	// groups' IDs always exactly.
	ExactIDs bool

	// NoNameIndex saves the index of names. A [Filter] with a Name is then ErrInvalid.
	NoNameIndex bool
}

const maxIndexedMetadata = 32

// withDefaults brings the keys in order and cuts what is beyond what the store can
// hold.
func (s Schema) withDefaults() Schema {
	for i := 1; i < len(s.IndexedMetadata); i++ {
		if s.IndexedMetadata[i-1] >= s.IndexedMetadata[i] {
			s.IndexedMetadata = slices.Compact(slices.Sorted(slices.Values(s.IndexedMetadata)))
			break
		}
	}
	s.IndexedMetadata = s.IndexedMetadata[:min(len(s.IndexedMetadata), maxIndexedMetadata)]
	return s
}
