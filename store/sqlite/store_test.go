package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/rollbook-go/rollbook/internal/histories"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// open opens a store that the test closes.
func open(t testing.TB, path string, opts *sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func file(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "rollbook.db")
}

func TestHistories(t *testing.T) {
	path := file(t)
	handle := func() (store.Store, error) { return open(t, path, nil), nil }
	opts := &histories.Options{Histories: 20}
	if testing.Short() {
		opts.Histories = 2
	}
	histories.Run(t, handle, opts)
}

func TestHistoriesHavePower(t *testing.T) {
	path := file(t)
	histories.MutantCaught(t, func() (store.Store, error) { return open(t, path, nil), nil }, nil)
}

func TestRoundTrip(t *testing.T) {
	s := open(t, file(t), nil)
	ctx := t.Context()
	in := store.Record{
		ID: "u1", Kind: "user", Data: []byte(`{"name":"Ann"}`), Due: store.FromMillis(1234),
		Unique: []store.Key{{Kind: "email", Value: "a@x"}, {Kind: "ext", Value: ""}},
		Index:  []store.Key{{Kind: "word", Value: "ann\x00"}, {Kind: "word", Value: "bee"}},
	}
	rev, err := s.Apply(ctx, "acme", store.Create(in, []byte("note")))
	if err != nil || rev != 1 {
		t.Fatal(rev, err)
	}
	got, err := s.Get(ctx, "acme", store.Key{Kind: "ext"})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", got)
	_, err = s.Apply(ctx, "acme", store.Create(store.Record{ID: "u2", Kind: "user", Unique: in.Unique[1:]}, nil))
	var te *store.TakenError
	if !errors.As(err, &te) || te.Holder.ID != "u1" {
		t.Fatal(err)
	}
	l, err := s.List(ctx, "acme", store.Query{Kind: "user", Match: in.Index})
	t.Log(l, err)
	ch, err := s.Changes(ctx, "acme", 0, 0)
	t.Log(ch, err)
	du, err := s.Due(ctx, store.DueQuery{Before: store.FromMillis(100000)})
	t.Log(du, err)
	if err := s.Trim(ctx, "acme", 5); err != nil {
		t.Fatal(err)
	}
	ch, err = s.Changes(ctx, "acme", 0, 0)
	t.Log(ch, err)
	ts, err := s.Tenants(ctx, "", 0)
	t.Log(ts, err)
	if err := s.Scrub(ctx); err != nil {
		t.Fatal(err)
	}
}
