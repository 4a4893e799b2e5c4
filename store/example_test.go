package store_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Get-or-create is one call: a caller that comes second gets the record that is there.
func ExampleTakenError() {
	ctx := context.Background()
	st := memory.New(nil)
	email := store.Key{Kind: "email", Value: "ann@example.com"}
	for _, id := range []string{"u1", "u2"} {
		r := store.Record{ID: id, Kind: "user", Unique: []store.Key{email}}
		_, err := st.Apply(ctx, "acme", store.Ops(store.Create(r, nil)))
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
	st := memory.New(nil)
	if _, err := st.Apply(ctx, "acme", store.Ops(store.Create(store.Record{ID: "u1", Kind: "user"}, nil))); err != nil {
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
		revision, err := st.Apply(ctx, "acme", store.Ops(store.Replace(old, next, nil)))
		fmt.Println(revision, errors.Is(err, store.ErrStale))
	}
	// Output:
	// 2 false
	// 0 true
}

// A unique key moves between records in one batch, which nobody sees half done.
func ExampleStore_apply() {
	ctx := context.Background()
	st := memory.New(nil)
	key := []store.Key{{Kind: "seat", Value: "12A"}}
	if _, err := st.Apply(ctx, "air", store.Ops(store.Create(store.Record{ID: "ann", Kind: "guest", Unique: key}, nil))); err != nil {
		fmt.Println(err)
		return
	}
	ann, err := st.Get(ctx, "air", store.ID("ann"))
	if err != nil {
		fmt.Println(err)
		return
	}
	last, err := st.Apply(ctx, "air", store.Ops(
		store.Delete(ann, []byte("left")),
		store.Create(store.Record{ID: "bob", Kind: "guest", Unique: key}, []byte("boarded")),
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	holder, err := st.Get(ctx, "air", key[0])
	fmt.Println(last, holder.ID, err)

	page, err := st.Changes(ctx, "air", store.ChangeQuery{})
	for _, c := range page.Changes {
		fmt.Println(c.Revision, c.Type, c.ID, string(c.Note))
	}
	fmt.Println(err)
	// Output:
	// 3 bob <nil>
	// 2 deleted ann left
	// 3 created bob boarded
	// <nil>
}

// A worker claims a due record by moving its Due on: the compare-and-set is the
// lease, and a crashed worker's work comes up again.
func ExampleStore_due() {
	ctx := context.Background()
	st := memory.New(nil)
	now := time.UnixMilli(1_700_000_000_000)
	job := store.Record{ID: "job", Kind: "mail", Due: now}
	if _, err := st.Apply(ctx, "acme", store.Ops(store.Create(job, nil))); err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		page, err := st.Due(ctx, store.DueQuery{Before: now.Add(time.Millisecond)})
		fmt.Println(len(page.Tenants), err)
		for _, t := range page.Tenants {
			for _, r := range t.Records {
				claimed := r
				claimed.Due = now.Add(time.Minute)
				_, err := st.Apply(ctx, t.Tenant, store.Ops(store.Replace(r, claimed, nil)))
				fmt.Println("claimed", r.ID, err)
			}
		}
	}
	// Output:
	// 1 <nil>
	// claimed job <nil>
	// 0 <nil>
}

func ExampleWait() {
	ctx, cancel := context.WithCancel(context.Background())
	st := memory.New(nil)
	go func() {
		defer cancel()
		_, err := st.Apply(ctx, "acme", store.Ops(store.Create(store.Record{ID: "u1", Kind: "user"}, []byte("hello"))))
		if err != nil {
			fmt.Println(err)
		}
	}()
	if err := store.Wait(context.Background(), st, "acme", 0, 0); err != nil {
		fmt.Println(err)
		return
	}
	page, err := st.Changes(context.Background(), "acme", store.ChangeQuery{})
	fmt.Println(len(page.Changes), err)
	<-ctx.Done()
	// Output:
	// 1 <nil>
}

// A write that depends on a record which it does not change requires it as it was read:
// nobody joins a team that is deleted meanwhile.
func ExampleBatch() {
	ctx := context.Background()
	st := memory.New(nil)
	if _, err := st.Apply(ctx, "acme", store.Ops(store.Create(store.Record{ID: "red", Kind: "team"}, nil))); err != nil {
		fmt.Println(err)
		return
	}
	team, err := st.Get(ctx, "acme", store.ID("red"))
	if err != nil {
		fmt.Println(err)
		return
	}
	join := func(id string) store.Batch {
		member := store.Record{ID: id, Kind: "member", Index: []store.Key{{Kind: "team", Value: team.ID}}}
		return store.Batch{Ops: []store.Op{store.Create(member, nil)}, Require: []store.Require{store.RequireAt(team)}}
	}
	_, err = st.Apply(ctx, "acme", join("ann"))
	fmt.Println(err)
	if _, err := st.Apply(ctx, "acme", store.Ops(store.Delete(team, nil))); err != nil {
		fmt.Println(err)
		return
	}
	_, err = st.Apply(ctx, "acme", join("bob"))
	fmt.Println(err)
	// Output:
	// <nil>
	// store: stale: requirement 0
}

// A walk ends at the page without Next, however short or empty the others are.
func ExampleStore_list() {
	ctx := context.Background()
	st := memory.New(nil)
	for _, id := range []string{"ann", "bob", "cat"} {
		if _, err := st.Apply(ctx, "acme", store.Ops(store.Create(store.Record{ID: id, Kind: "user"}, nil))); err != nil {
			fmt.Println(err)
			return
		}
	}
	q := store.Query{Kind: "user", Desc: true, Limit: 2}
	for {
		page, err := st.List(ctx, "acme", q)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, r := range page.Records {
			fmt.Println(r.ID)
		}
		if page.Next == 0 {
			break
		}
		q.Before = page.Next
	}
	// Output:
	// cat
	// bob
	// ann
}
