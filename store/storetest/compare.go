package storetest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// The functions named diff say how got differs from want, "" if not at all.

func diffRecord(got, want store.Record) string {
	if diff := diffContent(got, want); diff != "" {
		return diff
	}
	switch {
	case got.Created != want.Created:
		return fmt.Sprintf("record %.40q: Created %d, want %d", want.ID, got.Created, want.Created)
	case got.Revision != want.Revision:
		return fmt.Sprintf("record %.40q: Revision %d, want %d", want.ID, got.Revision, want.Revision)
	}
	return ""
}

// diffContent compares all but Created and Revision.
func diffContent(got, want store.Record) string {
	what := fmt.Sprintf("record %.40q: ", want.ID)
	switch {
	case got.ID != want.ID:
		return what + fmt.Sprintf("got record %.40q", got.ID)
	case got.Kind != want.Kind:
		return what + fmt.Sprintf("Kind %.40q, want %.40q", got.Kind, want.Kind)
	case !slices.Equal(got.Unique, want.Unique):
		return what + fmt.Sprintf("Unique %.200q, want %.200q", got.Unique, want.Unique)
	case !slices.Equal(got.Index, want.Index):
		return what + fmt.Sprintf("Index %.200q, want %.200q", got.Index, want.Index)
	case !got.Due.Equal(want.Due):
		return what + fmt.Sprintf("Due %v, want %v", got.Due, want.Due)
	case got.Due.Location() != time.UTC:
		return what + fmt.Sprintf("Due %v, not in UTC", got.Due)
	case !bytes.Equal(got.Data, want.Data):
		return what + fmt.Sprintf("Data %.60q (%d bytes), want %.60q (%d bytes)", got.Data, len(got.Data), want.Data, len(want.Data))
	}
	return ""
}

func diffRecords(got, want []store.Record) string {
	for i := range min(len(got), len(want)) {
		if diff := diffRecord(got[i], want[i]); diff != "" {
			return fmt.Sprintf("item %d: %s", i, diff)
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d records, want %d", len(got), len(want))
	}
	return ""
}

func diffChanges(got, want []store.Change) string {
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if w.Seq == 0 { // equal in every store so far
			w.Seq = w.Revision
		}
		if g.Seq != w.Seq || g.Damaged != w.Damaged || g.Revision != w.Revision || g.Type != w.Type || g.Kind != w.Kind || g.ID != w.ID || !bytes.Equal(g.Note, w.Note) {
			return fmt.Sprintf("entry %d is %s, want %s", i, showChange(g), showChange(w))
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d entries, want %d", len(got), len(want))
	}
	return ""
}

func diffStale(err error, want *store.StaleError) string {
	var got *store.StaleError
	switch {
	case !errors.As(err, &got):
		return fmt.Sprintf("error %v, want a *StaleError", err)
	case *got != *want:
		return fmt.Sprintf("StaleError of op %d, requirement %d, want %d and %d", got.Op, got.Require, want.Op, want.Require)
	}
	return ""
}

func diffTrimmed(err error, through store.Revision) string {
	var got *store.TrimmedError
	switch {
	case !errors.As(err, &got):
		return fmt.Sprintf("error %v, want a *TrimmedError", err)
	case got.Through != through:
		return fmt.Sprintf("trimmed through %d, want %d", got.Through, through)
	}
	return ""
}

// diffTaken compares everything but the revisions of a holder that has none,
// being part of the same batch.
func diffTaken(err error, want *store.TakenError) string {
	var got *store.TakenError
	switch {
	case !errors.As(err, &got):
		return fmt.Sprintf("%v is no *TakenError", err)
	case got.Op != want.Op:
		return fmt.Sprintf("TakenError of op %d, want %d", got.Op, want.Op)
	case got.Require != want.Require:
		return fmt.Sprintf("TakenError of requirement %d, want %d", got.Require, want.Require)
	case got.Key != want.Key:
		return fmt.Sprintf("TakenError of key %s, want %s", show(got.Key), show(want.Key))
	}
	diff := diffContent(got.Holder, want.Holder)
	if want.Holder.Revision != 0 {
		diff = diffRecord(got.Holder, want.Holder)
	}
	if diff != "" {
		return "TakenError.Holder: " + diff
	}
	return ""
}

func byCreated(a, b store.Record) int { return cmp.Compare(a.Created, b.Created) }

func byDue(a, b store.Record) int { return a.Due.Compare(b.Due) }

// selectRecords returns the records of a kind that have all terms.
func selectRecords(from []store.Record, kind string, terms ...store.Key) []store.Record {
	var out []store.Record
	for _, r := range from {
		if r.Kind == kind && hasTerms(r, terms) {
			out = append(out, r)
		}
	}
	return out
}

func hasTerms(r store.Record, terms []store.Key) bool {
	for _, term := range terms {
		if !slices.Contains(r.Index, term) {
			return false
		}
	}
	return true
}

func show(key store.Key) string {
	if key.Kind == "" {
		return fmt.Sprintf("by ID %.80q", key.Value)
	}
	return fmt.Sprintf("%.40q=%.80q", key.Kind, key.Value)
}

func showChange(c store.Change) string {
	if c.Damaged {
		return fmt.Sprintf("%d, damaged", c.Seq)
	}
	return fmt.Sprintf("%d (Seq %d) %v %.20q %.40q note %.40q", c.Revision, c.Seq, c.Type, c.Kind, c.ID, c.Note)
}

func brief(r store.Record) string {
	return fmt.Sprintf("%.20q %.40q created %d revision %d", r.Kind, r.ID, r.Created, r.Revision)
}

// full returns a record with every field in use, all made of its ID.
func full(id string) store.Record {
	return store.Record{
		ID:     id,
		Kind:   "user",
		Unique: []store.Key{{Kind: "name", Value: id}, {Kind: "mail", Value: id + "@example.com"}},
		Index:  []store.Key{{Kind: "group", Value: "all"}, {Kind: "own", Value: id}, {Kind: "a", Value: "last by name"}},
		Due:    day(1),
		Data:   []byte("data of " + id),
	}
}

// plain returns a record with an ID, a kind and Data.
func plain(id string) store.Record {
	return store.Record{ID: id, Kind: "user", Data: []byte("data of " + id)}
}

// withKeys returns r with these unique keys, of kind "key".
func withKeys(r store.Record, values ...string) store.Record {
	r.Unique = keys(values...)
	return r
}

// withTerms returns r with these index terms, of kind "key".
func withTerms(r store.Record, values ...string) store.Record {
	r.Index = keys(values...)
	return r
}

// withDue returns r with a Due.
func withDue(r store.Record, due time.Time) store.Record {
	r.Due = due
	return r
}

// withData returns r with other Data.
func withData(r store.Record, data string) store.Record {
	r.Data = []byte(data)
	return r
}

func keys(values ...string) []store.Key {
	out := make([]store.Key, len(values))
	for i, v := range values {
		out[i] = key(v)
	}
	return out
}

func key(value string) store.Key { return store.Key{Kind: "key", Value: value} }

// day returns a time that is a valid Due; later for higher n.
func day(n int) time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }
