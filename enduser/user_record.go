package enduser

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/rollbook-go/rollbook/internal/fold"
	"github.com/rollbook-go/rollbook/store"
)

// kindUser is the kind of the records that hold users.
const kindUser = "user"

// The kinds of a user's unique keys and index terms. Kinds of folded text have the version
// of the folding in their names.
const (
	keyExternalID = "external_id." + fold.Version // unique; also own IDs, see own.go
	keyExactID    = "external_id.exact"           // the same, where external IDs are compared exactly
	keyAccount    = "account"                     // unique: type NUL id
	keyEmail      = "email." + fold.Version       // unique where claimed; always an index term
	termWord      = "word." + fold.Version
	termGroup     = "group.exact" // NFC
	termMetadata  = "metadata"    // key NUL text of the value
)

// userKind describes the records that hold users.
func userKind() kind {
	return kind{name: kindUser, member: isUserMember, key: userKey, overdue: (*writer).overdueUser}
}

func userKey(kind string) (field string, own bool) {
	switch kind {
	case keyExternalID, keyExactID:
		return "external_id", true
	case keyAccount:
		return "linked_accounts", true
	case keyEmail:
		return "email", true
	case termWord, termGroup, termMetadata:
		return "", true
	}
	return "", false
}

// overdueUser returns the writes that delete an expired user. If the user may have sensitive
// values the first one removes them.
func (w *writer) overdueUser(r *store.Record) (ops []store.Op, err error) {
	u, err := decodeUser(w.Tenant.name, w.env, r)
	if err != nil || !u.Expired(w.now) {
		return nil, err
	}
	if u.hasSensitive {
		ops = append(ops, store.Remove(sensitiveID(u.ID), kindSensitive, nil))
	}
	return append(ops, store.Delete(*r, w.farewell(ChangeExpired, u.ExternalID))), nil
}

// record returns the record of a new user. Conflicts are found in the order of its unique
// keys: the one that identifies the user comes first. One that is imported with its ID claims
// that among the external IDs, since it may be somebody's.
func (w *writer) record(u *User, imported bool) store.Record {
	return w.recordBy(&w.schema, u, carried{ownID: imported})
}

// rewrite returns the record of u that replaces r, the record of an earlier state. It keeps
// what a newer program has added, and the index terms of other schemas. It returns ErrNewer
// if r must not be overwritten.
func (w *writer) rewrite(r store.Record, u *User) (store.Record, error) {
	schema := w.schema.with(r.Index)
	return w.over(&r, &schema, u)
}

// reindexed is rewrite with the index terms of the schema, and no others.
func (w *writer) reindexed(r store.Record, u *User) (store.Record, error) {
	return w.over(&r, &w.schema, u)
}

func (w *writer) over(r *store.Record, schema *Schema, u *User) (store.Record, error) {
	from, err := userKind().carry(r)
	if err != nil {
		return store.Record{}, err
	}
	return w.recordBy(schema, u, from), nil
}

// with returns the schema extended by the metadata keys and names that a record has index
// terms of.
func (s Schema) with(terms []store.Key) Schema {
	own := len(s.IndexedMetadata)
	for _, term := range terms {
		switch term.Kind {
		case termWord:
			s.NoNameIndex = false
		case termMetadata:
			key, _, _ := strings.Cut(term.Value, "\x00")
			if !slices.Contains(s.IndexedMetadata, key) {
				s.IndexedMetadata = append(s.IndexedMetadata[:len(s.IndexedMetadata):len(s.IndexedMetadata)], key)
			}
		}
	}
	if len(s.IndexedMetadata) > own {
		slices.Sort(s.IndexedMetadata)
	}
	return s
}

func (w *writer) recordBy(schema *Schema, u *User, from carried) store.Record {
	r := store.Record{
		ID:   u.ID,
		Kind: kindUser,
		Due:  u.ExpiresAt,
		Data: encodeUser(u, w.stamp, from.members),
	}
	r.Unique = make([]store.Key, 0, 3+len(u.Accounts)+len(from.unique))
	r.Unique = append(r.Unique, w.externalIDKey(cmp.Or(u.ExternalID, u.ID)))
	if !isOwnForm(u.ID) || from.ownID {
		if own := w.externalIDKey(u.ID); own != r.Unique[0] {
			r.Unique = append(r.Unique, own)
		}
	}
	for _, a := range u.Accounts {
		r.Unique = append(r.Unique, accountKey(a))
	}
	r.Index = make([]store.Key, 0, 4+len(u.Groups)+len(schema.IndexedMetadata)+len(from.index))
	if u.Email != "" {
		key := emailKey(u.Email)
		if u.emailClaimed {
			r.Unique = append(r.Unique, key)
		}
		r.Index = append(r.Index, key)
	}
	if !schema.NoNameIndex {
		for word := range fold.EachWord(u.DisplayName(), fold.MaxWords) {
			r.Index = append(r.Index, wordKey(word))
		}
	}
	for _, group := range u.Groups {
		r.Index = append(r.Index, groupKey(group))
	}
	for _, key := range schema.IndexedMetadata {
		if value, ok := u.Metadata[key]; ok {
			r.Index = appendMetadataKeys(r.Index, key, value)
		}
	}
	r.Unique, r.Index = append(r.Unique, from.unique...), append(r.Index, from.index...)
	return r
}

func externalIDKey(id string, exact bool) store.Key {
	if exact {
		return store.Key{Kind: keyExactID, Value: norm.NFC.String(id)}
	}
	return store.Key{Kind: keyExternalID, Value: fold.Key(id)}
}

func accountKey(a Account) store.Key {
	return store.Key{Kind: keyAccount, Value: a.Type + "\x00" + a.ID}
}

func wordKey(word string) store.Key { return store.Key{Kind: termWord, Value: cut(word)} }

func groupKey(id string) store.Key {
	return store.Key{Kind: termGroup, Value: cut(norm.NFC.String(id))}
}

// cut returns the index term of a text: its hash if it is long. No two texts have the same
// term.
func cut(text string) string {
	const hashed = "sha256:"
	if len(text) <= 256 && !strings.HasPrefix(text, hashed) {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return hashed + hex.EncodeToString(sum[:])
}
