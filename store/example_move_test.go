package store_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A record keeps its revisions, and the tenant counts on from them.
func ExampleImporter() {
	ctx := context.Background()
	st := memory.New(nil)
	err := st.Import(ctx, "acme", store.Part{
		Records: []store.Record{{ID: "u1", Kind: "user", Created: 40, Revision: 42}},
		Changes: []store.Change{{Seq: 42, Revision: 42, Type: store.Updated, Kind: "user", ID: "u1"}},
		Trimmed: 41,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	next, err := st.Apply(ctx, "acme", store.Ops(store.Create(store.Record{ID: "u2", Kind: "user"}, nil)))
	fmt.Println(next, err)
	// Output:
	// 43 <nil>
}

// A tenant is dropped when its last record is deleted.
func ExampleDropper() {
	ctx := context.Background()
	st := memory.New(nil)
	if _, err := st.Apply(ctx, "acme", store.Ops(store.Create(store.Record{ID: "u1", Kind: "user"}, []byte{}))); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(errors.Is(st.Drop(ctx, "acme"), store.ErrStale))
	if _, err := st.Apply(ctx, "acme", store.Ops(store.Remove("u1", "user", []byte{}))); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(st.Drop(ctx, "acme"))
	page, err := st.Tenants(ctx, store.TenantQuery{})
	fmt.Println(len(page.Names), err)
	// Output:
	// true
	// <nil>
	// 0 <nil>
}

func ExampleKinds() {
	ctx := context.Background()
	st := memory.New(nil)
	_, err := st.Apply(ctx, "acme", store.Ops(
		store.Create(store.Record{ID: "u1", Kind: "user"}, nil),
		store.Create(store.Record{ID: "red", Kind: "team"}, nil),
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	kinds, ok, err := store.Kinds(ctx, st, "acme")
	fmt.Println(kinds, ok, err)
	// Output:
	// [team user] true <nil>
}

func ExampleVerifier() {
	ctx := context.Background()
	st := memory.New(nil)
	if _, err := st.Apply(ctx, "acme", store.Ops(store.Create(store.Record{ID: "u1", Kind: "user"}, nil))); err != nil {
		fmt.Println(err)
		return
	}
	n := 0
	for f, err := range st.Verify(ctx, store.VerifyOptions{Mend: true}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(f.Tenant, f.Damage, f.ID, f.Mended)
		n++
	}
	fmt.Println(n, "findings")
	// Output:
	// 0 findings
}
