package memory_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func Example() {
	ctx := context.Background()
	s := memory.New(nil)

	email := store.Key{Kind: "email", Value: "ann@example.org"}
	ann := store.Record{ID: "u1", Kind: "user", Unique: []store.Key{email}, Data: []byte("Ann")}
	if _, err := s.Apply(ctx, "acme", store.Ops(store.Create(ann, nil))); err != nil {
		fmt.Println(err)
		return
	}

	got, err := s.Get(ctx, "acme", email)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %s, revision %d\n", got.ID, got.Data, got.Revision)

	// Another record cannot have the key, and the error says who has it.
	other := store.Record{ID: "u2", Kind: "user", Unique: []store.Key{email}}
	_, err = s.Apply(ctx, "acme", store.Ops(store.Create(other, nil)))
	if taken, ok := errors.AsType[*store.TakenError](err); ok {
		fmt.Println("taken by", taken.Holder.ID)
	}

	_, err = s.Get(ctx, "globex", email)
	fmt.Println("in another tenant:", err)
	// Output:
	// u1 Ann, revision 1
	// taken by u1
	// in another tenant: store: not found
}
