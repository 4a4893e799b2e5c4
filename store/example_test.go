package store_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Get-or-create is one call: who comes second is told what is there.
func ExampleTakenError() {
	ctx := context.Background()
	st := memory.New()
	email := store.Key{Kind: "email", Value: "ann@example.com"}
	for _, id := range []string{"u1", "u2"} {
		r := store.Record{ID: id, Kind: "user", Unique: []store.Key{email}}
		_, err := st.Apply(ctx, "acme", store.Create(r, nil))
		if taken, ok := errors.AsType[*store.TakenError](err); ok {
			fmt.Println(id, "finds", taken.Holder.ID)
			continue
		}
		fmt.Println(id, "is new")
	}
	// Output:
	// u1 is new
	// u2 finds u1
}

// A replacement holds only if nobody else wrote in between.
func ExampleReplace() {
	ctx := context.Background()
	st := memory.New()
	if _, err := st.Apply(ctx, "acme", store.Create(store.Record{ID: "u1", Kind: "user"}, nil)); err != nil {
		fmt.Println(err)
		return
	}
	old, err := st.Get(ctx, "acme", store.ID("u1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	next := old
	next.Data = []byte(`{"name":"Ann"}`)
	for range 2 {
		revision, err := st.Apply(ctx, "acme", store.Replace(old, next, nil))
		fmt.Println(revision, errors.Is(err, store.ErrStale))
	}
	// Output:
	// 2 false
	// 0 true
}

// A unique key moves between records in one batch, which nobody sees half done.
func ExampleStore_apply() {
	ctx := context.Background()
	st := memory.New()
	key := []store.Key{{Kind: "seat", Value: "12A"}}
	if _, err := st.Apply(ctx, "air", store.Create(store.Record{ID: "ann", Kind: "guest", Unique: key}, nil)); err != nil {
		fmt.Println(err)
		return
	}
	ann, err := st.Get(ctx, "air", store.ID("ann"))
	if err != nil {
		fmt.Println(err)
		return
	}
	last, err := st.Apply(ctx, "air",
		store.Delete(ann, []byte("left")),
		store.Create(store.Record{ID: "bob", Kind: "guest", Unique: key}, []byte("boarded")),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	holder, err := st.Get(ctx, "air", key[0])
	fmt.Println(last, holder.ID, err)

	changes, err := st.Changes(ctx, "air", 0, 10)
	for _, c := range changes {
		fmt.Println(c.Revision, c.Type, c.ID, string(c.Note))
	}
	fmt.Println(err)
	// Output:
	// 3 bob <nil>
	// 2 deleted ann left
	// 3 created bob boarded
	// <nil>
}

// A worker claims what is due by moving its Due on: the compare-and-swap is the
// lease, and a crashed worker's work comes up again.
func ExampleStore_due() {
	ctx := context.Background()
	st := memory.New()
	now := time.UnixMilli(1_700_000_000_000)
	job := store.Record{ID: "job", Kind: "mail", Due: now}
	if _, err := st.Apply(ctx, "acme", store.Create(job, nil)); err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		due, err := st.Due(ctx, store.DueQuery{Before: now.Add(time.Millisecond)})
		fmt.Println(len(due), err)
		for _, d := range due {
			claimed := d.Record
			claimed.Due = now.Add(time.Minute)
			_, err := st.Apply(ctx, d.Tenant, store.Replace(d.Record, claimed, nil))
			fmt.Println("claimed", d.Record.ID, err)
		}
	}
	// Output:
	// 1 <nil>
	// claimed job <nil>
	// 0 <nil>
}

func ExampleWait() {
	ctx, cancel := context.WithCancel(context.Background())
	st := memory.New()
	go func() {
		defer cancel()
		_, err := st.Apply(ctx, "acme", store.Create(store.Record{ID: "u1", Kind: "user"}, []byte("hello")))
		if err != nil {
			fmt.Println(err)
		}
	}()
	if err := store.Wait(context.Background(), st, "acme", 0, 0); err != nil {
		fmt.Println(err)
		return
	}
	changes, err := st.Changes(context.Background(), "acme", 0, 0)
	fmt.Println(len(changes), err)
	<-ctx.Done()
	// Output:
	// 1 <nil>
}
