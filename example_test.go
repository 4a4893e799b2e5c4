package rollbook_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Get-or-create is one call: whoever comes second is told who came first. The
// body of this function stands in the README.
func Example() {
	ctx := context.Background()
	st := memory.New() // or sqlitestore.Open, or redisstore.New

	ann := store.Record{
		ID:     "u1",
		Kind:   "user",
		Unique: []store.Key{{Kind: "email", Value: "ann@example.com"}},
		Data:   []byte(`{"name":"Ann"}`),
	}
	if _, err := st.Apply(ctx, "acme", store.Create(ann, nil)); err != nil {
		log.Fatal(err)
	}

	ann.ID = "u2"
	_, err := st.Apply(ctx, "acme", store.Create(ann, nil))
	if taken, ok := errors.AsType[*store.TakenError](err); ok {
		fmt.Println("the", taken.Key.Kind, "belongs to", taken.Holder.ID)
	}
	// Output: the email belongs to u1
}
