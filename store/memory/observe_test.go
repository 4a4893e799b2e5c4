package memory_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// The observer gets every call with its error, but no record.
func TestObserver(t *testing.T) {
	var got []store.CallInfo
	s := memory.New(&memory.Options{Observer: &store.Observer{Call: func(c store.CallInfo) { got = append(got, c) }}})
	ctx := t.Context()
	due := func(id string) store.Op {
		return store.Create(store.Record{ID: id, Kind: "user", Due: store.FromMillis(1)}, []byte(id))
	}
	apply(t, s, due("a"), due("b"), due("c"))
	d := memory.Damager{Store: s}
	if err := d.Damage(ctx, "acme", "b"); err != nil {
		t.Fatal(err)
	}
	if err := d.DamageChange(ctx, "acme", 2); err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 9)
	_, errs[0] = s.Get(ctx, "acme", store.ID("a"))
	_, errs[1] = s.Get(ctx, "acme", store.ID("b"))
	_, errs[2] = s.List(ctx, "acme", store.Query{Kind: "user", Limit: 1})
	_, errs[3] = s.Changes(ctx, "acme", store.ChangeQuery{})
	errs[4] = s.Trim(ctx, "acme", 1)
	_, errs[5] = s.Due(ctx, store.DueQuery{Before: store.FromMillis(2)})
	_, errs[6] = s.Tenants(ctx, store.TenantQuery{})
	errs[7] = s.Wait(ctx, "acme", 0)
	_, errs[8] = s.Count(ctx, "acme", store.CountQuery{Kind: "user"})
	want := []store.CallInfo{
		{Method: "Apply", Items: 3},
		{Method: "Get", Items: 1},
		{Method: "Get", Damaged: 1},
		{Method: "List", Items: 1, Damaged: 1, Looked: 3},
		{Method: "Changes", Items: 3, Damaged: 1},
		{Method: "Trim"},
		{Method: "Due", Items: 2, Damaged: 1},
		{Method: "Tenants", Items: 1},
		{Method: "Wait"},
		{Method: "Count", Looked: 3},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.CallInfo{}, "Took", "Err")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	for i, err := range errs {
		want := err
		if i == 1 {
			want = store.ErrDamaged
		}
		if told := got[i+1].Err; told != want { //nolint:errorlint // the very same error
			t.Errorf("%s returned %v, the observer was told %v, want %v", got[i+1].Method, err, told, want)
		}
		if (err != nil) != (i == 1) {
			t.Errorf("%s: %v", got[i+1].Method, err)
		}
	}
}
