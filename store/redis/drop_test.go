package redis

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
)

// A Drop of many kinds is several scripts. One that ends in between has forgotten nothing that
// anybody sees, and both a write and another Drop find the tenant whole.
func TestDropOfManyKinds(t *testing.T) {
	t.Run("miniredis", func(t *testing.T) { dropManyKinds(t, miniredis.RunT(t).Addr()) })
	t.Run("server", func(t *testing.T) { dropManyKinds(t, redistest.Server(t).Addr) })
}

func dropManyKinds(t *testing.T, addr string) {
	t.Helper()
	s := openStore(t, addr)
	sp := s.space("tenant")
	const kinds = 2*dropKinds + 50
	var last store.Revision
	for i := range kinds {
		r := store.Record{ID: "id", Kind: fmt.Sprintf("kind%03d", i)}
		s.put(t, store.Create(r, []byte("note")))
		last = s.put(t, store.Remove(r.ID, r.Kind, []byte("note")))
	}
	step := func() any {
		t.Helper()
		all, err := s.kindsAfter(t.Context(), sp, "Drop", "", dropKinds)
		if err != nil {
			t.Fatal(err)
		}
		keys, args := dropPlan(newNonce()).command(sp, all, false)
		return rawScript(t, s, s.scripts.drop, scriptArgs(s.scripts.drop, keys, args))[0]
	}
	whole := func(records int) {
		t.Helper()
		for f, err := range s.Verify(t.Context(), store.VerifyOptions{}) {
			t.Errorf("%+v, %v", f, err)
		}
		page, err := s.Changes(t.Context(), "tenant", store.ChangeQuery{Desc: true, Limit: 1})
		if err != nil || len(page.Changes) != 1 || page.Changes[0].Seq != last {
			t.Errorf("the feed ends with %+v, %v; want %d", page.Changes, err, last)
		}
		list, err := s.List(t.Context(), "tenant", store.Query{Kind: "kind000"})
		if err != nil || len(list.Records) != records {
			t.Errorf("%d records, %v; want %d", len(list.Records), err, records)
		}
	}
	if got := step(); got != "more" {
		t.Fatalf("the first step: %v, want more", got)
	}
	whole(0)
	s.put(t, store.Create(store.Record{ID: "id", Kind: "kind000"}, nil))
	whole(1)
	if err := s.Drop(t.Context(), "tenant"); !errors.Is(err, store.ErrStale) {
		t.Errorf("with a record: %v, want stale", err)
	}
	whole(1)
	if got, err := s.Kinds(t.Context(), "tenant", ""); err != nil || !slices.Contains(got, "kind000") {
		t.Errorf("kinds %q, %v; want that of the record too", got, err)
	}
	s.put(t, store.Remove("id", "kind000", nil))
	if err := s.Drop(t.Context(), "tenant"); err != nil {
		t.Fatal(err)
	}
	left, err := s.client.Keys(t.Context(), "*").Result()
	if err != nil || !slices.Equal(left, []string{sp.nonces()}) {
		t.Errorf("left: %q, %v", left, err)
	}
	last = s.put(t, store.Create(store.Record{ID: "id", Kind: "kind000"}, []byte("note")))
	if last != 1 {
		t.Errorf("the first revision is %d", last)
	}
	whole(1)
}

// What a removal of a damaged record has left behind goes with the tenant, but for its terms;
// those are found by nobody, and Verify mends.
func TestDropOfWhatIsLeftBehind(t *testing.T) {
	s := miniStore(t)
	headless(t, s, sample())
	if err := s.Drop(t.Context(), "tenant"); err != nil {
		t.Fatal(err)
	}
	r := sample()
	r.Index = nil
	s.put(t, store.Create(r, nil)) // with the same ID and Created
	page, err := s.List(t.Context(), "tenant", store.Query{Kind: "user", Match: sample().Index})
	if err != nil || len(page.Records) > 0 {
		t.Errorf("%+v, %v", page, err)
	}
	want := []store.Finding{{Damage: store.StrayTerm, Tenant: "tenant", ID: "id", Mended: true}}
	if got := s.findings(t, store.VerifyOptions{Mend: true}); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := s.findings(t, store.VerifyOptions{}); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

// Import refuses what would hide a record from a walk, and revisions that are no exact
// numbers in a script.
func TestImportRefuses(t *testing.T) {
	s := miniStore(t)
	record := func(id string, created store.Revision) store.Record {
		return store.Record{ID: id, Kind: "user", Created: created, Revision: created}
	}
	if err := s.Import(t.Context(), "tenant", store.Part{Records: []store.Record{record("a", 5)}}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		part store.Part
		want error
	}{
		"one place for two":   {store.Part{Records: []store.Record{record("b", 7), record("c", 5)}}, store.ErrStale},
		"a large revision":    {store.Part{Records: []store.Record{record("b", maxRevision+1)}}, store.ErrInvalid},
		"a large entry":       {store.Part{Changes: []store.Change{{Seq: maxRevision + 1, Revision: maxRevision + 1, Type: store.Created, Kind: "k", ID: "i"}}}, store.ErrInvalid},
		"another of the kind": {store.Part{Records: []store.Record{record("a", 6)}}, store.ErrStale},
	} {
		before := s.everything(t)
		if err := s.Import(t.Context(), "tenant", test.part); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if after := s.everything(t); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%s: written %v", name, after)
		}
	}
	if err := s.Import(t.Context(), "tenant", store.Part{Records: []store.Record{record("b", maxRevision)}}); err != nil {
		t.Error(err)
	}
}
