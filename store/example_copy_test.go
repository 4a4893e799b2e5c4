package store_test

import (
	"context"
	"fmt"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// To change the store, stop the servers, copy, and start them again on the new one. Any two
// stores will do. After an interruption the same call goes on where it was.
func ExampleCopy() {
	ctx := context.Background()
	old, next := memory.New(nil), memory.New(nil)
	for _, tenant := range []string{"acme", "initech"} {
		op := store.Create(store.Record{ID: "u1", Kind: "user", Data: []byte("Ann")}, []byte("created"))
		if _, err := old.Apply(ctx, tenant, store.Ops(op)); err != nil {
			fmt.Println(err)
			return
		}
	}
	copied, err := store.Copy(ctx, next, old, &store.CopyOptions{
		Progress: func(p store.CopyProgress) {
			if p.Comparing && p.Tenants == 2 {
				fmt.Println("all is compared")
			}
		},
	})
	fmt.Println(copied.Tenants, "tenants,", copied.Records, "records,", copied.Changes, "changes;", err)
	// Output:
	// all is compared
	// 2 tenants, 2 records, 2 changes; <nil>
}
