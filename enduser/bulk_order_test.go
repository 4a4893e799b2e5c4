package enduser_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// chunkRows is how many rows without a common name are written together.
const chunkRows = store.MaxOps

// chunkOf returns rows that are written together: these, and users that are new.
func chunkOf(name string, rows ...enduser.Spec) []enduser.Import {
	var chunk []enduser.Import
	for _, s := range rows {
		chunk = append(chunk, enduser.Import{Spec: s})
	}
	for i := len(chunk); i < chunkRows; i++ {
		chunk = append(chunk, enduser.Import{Spec: enduser.Spec{ExternalID: fmt.Sprint(name, i)}})
	}
	return chunk
}

// Rows that have no name in common can still depend on each other. In each case the first chunk
// or the second has read and is slow to write, so that the third could overtake the second.
func TestBulkKeepsOrderWhereNoNameTellsIt(t *testing.T) {
	long := func(key string) enduser.Metadata { // two of them are too much
		return enduser.Metadata{key: enduser.String(strings.Repeat("x", 6000))}
	}
	account := func(id string) []enduser.Account { return []enduser.Account{{Type: "slack", ID: id}} }
	for name, c := range map[string]struct {
		policy                enduser.Policy // of the rows; what is there before was written without one
		before, second, third []enduser.Spec
	}{
		"an address that is not claimed is given up too late for an earlier row": {
			unique,
			[]enduser.Spec{{ExternalID: "b", Email: "one@example.com"}, {ExternalID: "a"}},
			[]enduser.Spec{{ExternalID: "a", Email: "one@example.com"}},
			[]enduser.Spec{{ExternalID: "b", Email: "two@example.com"}},
		},
		"the same, by a row of one chunk": {
			unique,
			[]enduser.Spec{{ExternalID: "b", Email: "one@example.com"}, {ExternalID: "a"}},
			[]enduser.Spec{{ExternalID: "a", Email: "one@example.com"}, {ExternalID: "b", Email: "two@example.com"}},
			nil,
		},
		"a later row makes room for what was too much": {
			enduser.Policy{},
			[]enduser.Spec{{ExternalID: "u", Accounts: account("a"), Metadata: long("one")}},
			[]enduser.Spec{{ExternalID: "u", Metadata: long("two")}},
			[]enduser.Spec{{Accounts: account("a"), Metadata: enduser.Metadata{"one": enduser.Int(1)}}},
		},
		"the same, in one chunk": {
			enduser.Policy{},
			[]enduser.Spec{{ExternalID: "u", Accounts: account("a"), Metadata: long("one")}},
			[]enduser.Spec{{ExternalID: "u", Metadata: long("two")}, {Accounts: account("a"), Metadata: enduser.Metadata{"one": enduser.Int(1)}}},
			nil,
		},
		"an address is given up too late for an earlier row": {
			unique,
			[]enduser.Spec{{ExternalID: "b", Email: "one@example.com"}},
			[]enduser.Spec{{ExternalID: "a", Email: "one@example.com"}},
			[]enduser.Spec{{ExternalID: "b", Email: "two@example.com"}},
		},
		"an address is given up in time for a later row": {
			unique,
			[]enduser.Spec{{ExternalID: "b", Email: "one@example.com"}},
			[]enduser.Spec{{ExternalID: "b", Email: "two@example.com"}},
			[]enduser.Spec{{Email: "one@example.com", Name: "new"}},
		},
		"one user by several names": {
			enduser.Policy{},
			[]enduser.Spec{
				{ExternalID: "u", Accounts: account("a"), Name: "before"},
				{ExternalID: "u", Accounts: account("b")},
				{ExternalID: "u", Accounts: account("c")},
			},
			[]enduser.Spec{{ExternalID: "u", Name: "one"}, {Accounts: account("a"), Name: "two"}},
			[]enduser.Spec{{Accounts: account("c"), Name: "before"}},
		},
		"one user by two names": {
			enduser.Policy{},
			[]enduser.Spec{{ExternalID: "u", Accounts: account("a"), Name: "before"}},
			[]enduser.Spec{{ExternalID: "u", Name: "one"}},
			[]enduser.Spec{{Accounts: account("a"), Name: "before"}},
		},
	} {
		for _, slow := range []string{"first1", "second1"} { // a row of the chunk that is slow to write
			t.Run(name+", "+slow, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					rows := slices.Concat(chunkOf("first", enduser.Spec{ExternalID: "invalid", Language: "-"}), chunkOf("second", c.second...), chunkOf("third", c.third...))
					wantRowByRow(t, c.policy, c.before, rows, func(st store.Store) store.Store {
						return &faultstore.Store{Store: st, OnApply: func(_ int64, ops []store.Op) error {
							if slices.ContainsFunc(ops, func(op store.Op) bool { return strings.EqualFold(op.New.Unique[0].Value, slow) }) {
								<-time.After(time.Second) // nothing of this test takes so long
							}
							return nil
						}}
					})
				})
			})
		}
	}
}

// wantRowByRow checks that a bulk call does what Upsert does row by row, on a store that holds
// the calls of the bulk call.
func wantRowByRow(t *testing.T, policy enduser.Policy, before []enduser.Spec, rows []enduser.Import, held func(store.Store) store.Store) {
	t.Helper()
	var got [2][]rowAnswer
	var users [2]map[string]string
	for i := range 2 {
		st := &switched{Store: memory.New(nil)}
		s := &side{acme: newWorld(st).acme, names: make(map[string]string)}
		s.run(t.Context(), chunkOf("", before...)[:len(before)])
		s.acme = s.acme.With(policy)
		if s.bulk = i == 1; s.bulk {
			st.Store = held(st.Store)
		}
		got[i], users[i] = s.run(t.Context(), rows), make(map[string]string)
		for u, err := range s.acme.All(t.Context(), enduser.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			users[i][s.name(u.ID)] = fmt.Sprint(u.ExternalID, u.Name, u.Email, u.Accounts, len(u.Metadata))
		}
	}
	if d := cmp.Diff(got[0], got[1]); d != "" {
		t.Errorf("answers (-row by row +in bulk):\n%s", d)
	}
	if d := cmp.Diff(users[0], users[1]); d != "" {
		t.Errorf("users (-row by row +in bulk):\n%s", d)
	}
}

// switched is a store that another is put before.
type switched struct{ store.Store }

// between is a store that holds calls until others have been.
type between struct {
	store.Store

	onGot   func(store.Key) // after a read, before its answer
	onApply func([]store.Op)
	applied func([]store.Op)
}

func (s *between) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	r, err := s.Store.Get(ctx, tenant, key)
	s.onGot(key)
	return r, err
}

func (s *between) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	s.onApply(b.Ops)
	rev, err := s.Store.Apply(ctx, tenant, b)
	if err == nil {
		s.applied(b.Ops)
	}
	return rev, err
}

// A chunk reads a user while an earlier one is about to change it, and gets its answer when that
// is long done: what it has read is not good.
func TestBulkReadsAgainWhatAnEarlierChunkHasChanged(t *testing.T) {
	account := func(id string) []enduser.Account { return []enduser.Account{{Type: "slack", ID: id}} }
	for name, first := range map[string][]enduser.Spec{
		"in a batch": {{ExternalID: "v", Name: "after"}},
		"row by row": {{ExternalID: "u", Name: "one"}, {Accounts: account("u"), Name: "two"}, {ExternalID: "v", Name: "after"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := []enduser.Spec{{ExternalID: "u", Accounts: account("u")}, {ExternalID: "v", Accounts: account("v"), Name: "before"}}
				rows := slices.Concat(chunkOf("first", first...), chunkOf("second", enduser.Spec{Accounts: account("v"), Name: "before"}))
				read, written := make(chan struct{}), make(chan struct{})
				isRead, isWritten := sync.OnceFunc(func() { close(read) }), sync.OnceFunc(func() { close(written) })
				changes := func(ops []store.Op) bool {
					return slices.ContainsFunc(ops, func(op store.Op) bool { return op.Old != nil })
				}
				wantRowByRow(t, enduser.Policy{}, before, rows, func(st store.Store) store.Store {
					return &between{
						Store: st,
						onGot: func(key store.Key) {
							if strings.HasSuffix(key.Value, "\x00v") {
								isRead()
								<-written
								<-time.After(time.Second) // then all of the first chunk is over
							}
						},
						onApply: func(ops []store.Op) {
							if changes(ops) {
								<-read
							}
						},
						applied: func(ops []store.Op) {
							if changes(ops) {
								isWritten()
							}
						},
					}
				})
				select {
				case <-written:
				default:
					t.Error("nothing was held")
				}
			})
		})
	}
}

// Rows that name one key are never under way at once, and a chunk that only creates others does
// not wait.
func TestBulkWaitsForNamesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := slices.Concat(
			chunkOf("first", enduser.Spec{ExternalID: "u", Name: "one"}),
			chunkOf("second", enduser.Spec{ExternalID: "U", Name: "two"}),
			chunkOf("third"),
		)
		begin := time.Now()
		var mu sync.Mutex
		at := make(map[string]time.Duration) // by the first key of the chunk's first row
		wantRowByRow(t, enduser.Policy{}, nil, rows, func(st store.Store) store.Store {
			return &between{Store: st, onGot: func(store.Key) {}, onApply: func(ops []store.Op) {
				mu.Lock()
				key := strings.ToLower(ops[0].New.Unique[0].Value)
				_, again := at[key]
				if !again {
					at[key] = time.Since(begin)
				}
				mu.Unlock()
				if key == "u" && !again { // of two the first one, which must be the first chunk's
					<-time.After(time.Second)
				}
			}, applied: func([]store.Op) {}}
		})
		if at["third0"] != 0 {
			t.Errorf("a chunk that shares no name waited %v", at["third0"])
		}
	})
}
