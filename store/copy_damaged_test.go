package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// spoilt is a source in which a record and an entry of each tenant cannot be read.
type spoilt struct{ store.Store }

func (s spoilt) Unwrap() store.Store { return s.Store }

func (s spoilt) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	page, err := s.Store.List(ctx, tenant, q)
	page.Records = slices.DeleteFunc(page.Records, func(r store.Record) bool {
		if r.ID == "first" {
			page.Damaged = append(page.Damaged, r.ID)
		}
		return r.ID == "first"
	})
	return page, err
}

func (s spoilt) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	page, err := s.Store.Changes(ctx, tenant, q)
	for i, c := range page.Changes {
		if c.ID == "other" {
			page.Changes[i] = store.Change{Seq: c.Seq, Damaged: true}
		}
	}
	return page, err
}

func TestCopyDamaged(t *testing.T) {
	whole, refused := filled(t, 7, 2, 20), errors.New("refused")
	src := spoilt{whole}
	if _, err := store.Copy(t.Context(), memory.New(nil), src, nil); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("by default: %v", err)
	}
	_, err := store.Copy(t.Context(), memory.New(nil), src, &store.CopyOptions{Damaged: func(store.Finding) error { return refused }})
	if !errors.Is(err, refused) {
		t.Errorf("refused: %v", err)
	}
	dst, found := memory.New(nil), map[store.Finding]int{}
	got, err := store.Copy(t.Context(), dst, src, &store.CopyOptions{AtOnce: 1, Damaged: func(f store.Finding) error {
		found[f]++
		return nil
	}})
	must(t, err)
	want := map[store.Finding]int{ // the feed of tenant 0 is trimmed
		{Damage: store.DamagedRecord, Tenant: "tenant 0", ID: "first"}: 2,
		{Damage: store.DamagedRecord, Tenant: "tenant 1", ID: "first"}: 2,
		{Damage: store.DamagedChange, Tenant: "tenant 1", Seq: 2}:      2,
	}
	if diff := cmp.Diff(want, found); diff != "" || got.Skipped != len(want) {
		t.Errorf("skipped %d: %s", got.Skipped, diff)
	}
	copied, kept := held(t, dst), held(t, whole)
	for name, h := range kept {
		h.Records = slices.DeleteFunc(h.Records, func(r store.Record) bool { return r.ID == "first" })
		h.Changes = slices.DeleteFunc(h.Changes, func(c store.Change) bool { return c.ID == "other" })
		kept[name] = h
	}
	if diff := cmp.Diff(kept, copied); diff != "" {
		t.Error(diff)
	}
}
