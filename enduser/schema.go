package enduser

import "slices"

// Schema says by what the users of a tenant can be found. It belongs to the tenant and holds
// for all handles, whereas a [Policy] belongs to one. The zero value is ready to use.
//
// A write never takes an index term away that a user still has: if programs or processes have
// different schemas for a time, users are found by both. [Tenant.Reindex] gives all users of
// a tenant the terms of the schema, and takes others away.
type Schema struct {
	// IndexedMetadata lists the metadata keys by which users can be listed, at most
	// 32. Users written before a key was listed are found after [Tenant.Reindex].
	IndexedMetadata []string

	// ExactIDs compares external IDs exactly, after Unicode normalization to NFC, instead
	// of without regard to case: for IDs like those of Salesforce. Do not change it for a
	// tenant that has users: with and without it are two tenants for the store and for every
	// call. It does not change how e-mail addresses and IDs of groups are compared.
	ExactIDs bool

	// NoNameIndex leaves names out of the index, which saves space. A [Filter] with a Name
	// is then ErrInvalid.
	NoNameIndex bool

	// NoteExternalIDs has the feed say which external ID a deleted or expired user or group
	// had: see [Change].ExternalID. Such IDs then stay in the feed until their changes are
	// trimmed, and the last change of a tenant always stays.
	NoteExternalIDs bool
}

const maxIndexedMetadata = 32

// withDefaults sorts the metadata keys, and cuts them to what the store can hold.
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
