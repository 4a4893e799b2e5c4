package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync/atomic"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// exampleManager returns a Manager whose IDs and times do not change from run to
// run, and what moves its clock on.
func exampleManager() (*enduser.Manager, func(time.Duration)) {
	now := time.Date(2026, time.May, 4, 9, 30, 0, 0, time.UTC)
	var ids atomic.Int64
	users := enduser.New(memory.New(nil), &enduser.Options{
		Now:   func() time.Time { return now },
		NewID: func() string { return fmt.Sprintf("user-%d", ids.Add(1)) },
	})
	return users, func(d time.Duration) { now = now.Add(d) }
}

func Example() {
	ctx := context.Background()
	users := enduser.New(memory.New(nil), nil)
	acme := users.Tenant("acme").As("key_42")

	for _, spec := range []enduser.Spec{
		{ExternalID: "crm-7", Name: "Ann"},
		{ExternalID: "CRM-7", Email: "ann@example.com"},
		{ExternalID: "crm-7", Name: "Ann"},
	} {
		u, outcome, err := acme.Upsert(ctx, spec)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s: %q, %q\n", outcome, u.ExternalID, u.Name, u.Email)
	}
	// Output:
	// created crm-7: "Ann", ""
	// updated crm-7: "Ann", "ann@example.com"
	// unchanged crm-7: "Ann", "ann@example.com"
}

func ExampleNew() {
	users := enduser.New(memory.New(nil), &enduser.Options{
		SweepEvery: 10 * time.Second,
		// The host knows for good what some tenants may do.
		Policy: func(tenant string) (enduser.Policy, bool) {
			return enduser.Policy{UniqueEmail: true, MaxGroups: 8}, tenant == "acme"
		},
	})
	ctx, stop := context.WithCancel(context.Background())
	stop() // a server would do it when it shuts down
	fmt.Println(users.Run(ctx))
	// Output: context canceled
}

func ExampleManager_Tenant() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme, umbrella := users.Tenant("acme"), users.Tenant("umbrella")

	for _, t := range []enduser.Tenant{acme, acme.In(enduser.Testing), umbrella} {
		u, err := t.Create(ctx, enduser.Spec{ExternalID: "crm-7"})
		fmt.Println(u.Tenant, u.Environment, u.ID, err)
	}
	_, err := umbrella.Get(ctx, enduser.ByID("user-1"))
	fmt.Println(errors.Is(err, enduser.ErrNotFound))
	// Output:
	// acme Customer user-1 <nil>
	// acme Testing user-2 <nil>
	// umbrella Customer user-3 <nil>
	// true
}

func ExampleManager_Sweep() {
	ctx := context.Background()
	users, advance := exampleManager()
	acme := users.Tenant("acme")

	if _, err := acme.Create(ctx, enduser.Spec{ExternalID: "visitor", ExpiresIn: enduser.ProvisionalTTL}); err != nil {
		log.Fatal(err)
	}
	advance(24 * time.Hour)
	_, err := acme.Get(ctx, enduser.ByExternalID("visitor"))
	fmt.Println(errors.Is(err, enduser.ErrNotFound)) // before any sweep

	swept, err := users.Sweep(ctx)
	fmt.Println(swept, err)
	// Output:
	// true
	// 1 <nil>
}

func ExampleTenant_Create() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")

	_, err := acme.Create(ctx, enduser.Spec{ExternalID: "crm-7", Accounts: []enduser.Account{{Type: "discord", ID: "8035"}}})
	fmt.Println(err)
	_, err = acme.Create(ctx, enduser.Spec{ExternalID: "crm-8", Accounts: []enduser.Account{{Type: "discord", ID: "8035"}}})
	if conflict, ok := errors.AsType[*enduser.ConflictError](err); ok {
		fmt.Println(conflict.Field, conflict.HolderID)
	}
	// Output:
	// <nil>
	// linked_accounts user-1
}

func ExampleTenant_Ensure() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")

	for _, name := range []string{"Ann", "Somebody else"} {
		u, outcome, err := acme.Ensure(ctx, enduser.Spec{ExternalID: "crm-7", Name: name})
		fmt.Println(outcome, u.Name, err)
	}
	// Output:
	// created Ann <nil>
	// unchanged Ann <nil>
}

func ExampleTenant_Upsert() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")

	for _, s := range []enduser.Spec{
		{ExternalID: "crm-7", Metadata: enduser.Metadata{"plan": enduser.String("free"), "trial": enduser.Bool(true)}},
		{ExternalID: "crm-7", Metadata: enduser.Metadata{"plan": enduser.String("pro"), "trial": enduser.Null}},
	} {
		u, outcome, err := acme.Upsert(ctx, s)
		fmt.Println(outcome, u.Metadata, err)
	}
	// Output:
	// created map[plan:free trial:true] <nil>
	// updated map[plan:pro] <nil>
}

func ExampleTenant_Get() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")
	_, err := acme.Create(ctx, enduser.Spec{
		ExternalID: "crm-7", Email: "ann@example.com", Accounts: []enduser.Account{{Type: "discord", ID: "8035"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, ref := range []enduser.Ref{
		enduser.ByID("user-1"),
		enduser.ByExternalID("CRM-7"),
		enduser.ByEmail("Ann@Example.com"),
		enduser.ByAccount(enduser.Account{Type: "discord", ID: "8035"}),
		enduser.ByExternalID("crm-8"),
	} {
		u, err := acme.Get(ctx, ref)
		fmt.Println(u.ID, errors.Is(err, enduser.ErrNotFound))
	}
	// Output:
	// user-1 false
	// user-1 false
	// user-1 false
	// user-1 false
	//  true
}

func ExampleTenant_Update() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")
	u, err := acme.Create(ctx, enduser.Spec{ExternalID: "crm-7", Metadata: enduser.Metadata{"seats": enduser.Int(2)}})
	if err != nil {
		log.Fatal(err)
	}

	errFull := errors.New("no seat left")
	take := func(u *enduser.Edit) error {
		seats, _ := u.Metadata["seats"].Int64()
		if seats == 0 {
			return errFull
		}
		u.Metadata["seats"] = enduser.Int(seats - 1)
		return nil
	}
	for range 3 {
		u, err = acme.Update(ctx, enduser.ByID(u.ID), take)
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(u.Metadata["seats"].Text(), "left, revision", u.Revision)
	}
	// Output:
	// 1 left, revision 2
	// 0 left, revision 3
	// no seat left
}

func ExampleTenant_Link() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")
	discord := enduser.Account{Type: "discord", ID: "8035"}
	for _, id := range []string{"ann", "bob"} {
		if _, err := acme.Create(ctx, enduser.Spec{ExternalID: id}); err != nil {
			log.Fatal(err)
		}
		u, err := acme.Link(ctx, enduser.ByExternalID(id), discord)
		fmt.Println(u.Accounts, err)
	}
	u, err := acme.Unlink(ctx, enduser.ByAccount(enduser.Account{Type: "discord", ID: "8035"}), discord)
	fmt.Println(u.ExternalID, u.Accounts, err)
	// Output:
	// [{discord 8035}] <nil>
	// [] enduser: conflict: linked_accounts belongs to user user-1
	// ann [] <nil>
}

func ExampleTenant_Associate() {
	ctx := context.Background()
	users, advance := exampleManager()
	acme := users.Tenant("acme")
	for _, id := range []string{"buyer", "visitor"} {
		u, err := acme.Create(ctx, enduser.Spec{ExternalID: id, ExpiresIn: time.Hour})
		fmt.Println(id, "until", u.ExpiresAt.Format(time.TimeOnly), err)
	}
	if _, err := acme.Associate(ctx, enduser.ByExternalID("buyer")); err != nil {
		log.Fatal(err)
	}
	advance(time.Hour)
	for u := range acme.All(ctx, enduser.Filter{}) {
		fmt.Println(u.ExternalID, "stays")
	}
	// Output:
	// buyer until 10:30:00 <nil>
	// visitor until 10:30:00 <nil>
	// buyer stays
}

func ExampleIfUser() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")
	u, err := acme.Create(ctx, enduser.Spec{Groups: []string{"admins"}})
	if err != nil {
		log.Fatal(err)
	}
	err = acme.Delete(ctx, enduser.ByID(u.ID), enduser.IfUser(func(u enduser.User) error {
		if len(u.Groups) > 0 {
			return errors.New("still in a group")
		}
		return nil
	}))
	fmt.Println(err)
	fmt.Println(acme.Delete(ctx, enduser.ByID(u.ID)))
	// Output:
	// still in a group
	// <nil>
}

func ExampleIfVersion() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")
	seen, err := acme.Create(ctx, enduser.Spec{ExternalID: "a", Name: "Ann"})
	if err != nil {
		log.Fatal(err)
	}
	rename := func(name string) error {
		_, err := acme.Update(ctx, enduser.ByID(seen.ID), func(e *enduser.Edit) error {
			e.Name = name
			return nil
		}, enduser.IfVersion(seen.Version))
		return err
	}
	fmt.Println(rename("Ann Lee"))
	fmt.Println(rename("Ann Li")) // it is another version by now
	// Output:
	// <nil>
	// enduser: another version
}

func ExampleTenant_List() {
	ctx := context.Background()
	users := enduser.New(memory.New(nil), &enduser.Options{Schema: func(string) enduser.Schema {
		return enduser.Schema{IndexedMetadata: []string{"plan"}}
	}})
	acme := users.Tenant("acme")
	for i, name := range []string{"Ann Lee", "Bob Lee", "Cleo Lee", "Dana Smith"} {
		s := enduser.Spec{Name: name, Groups: []string{"team"}}
		if i > 0 {
			s.Metadata = enduser.Metadata{"plan": enduser.String("pro")}
		}
		if _, err := acme.Create(ctx, s); err != nil {
			log.Fatal(err)
		}
	}

	q := enduser.Query{Limit: 1, Filter: enduser.Filter{
		Name: "lee", Group: "team", Metadata: enduser.Metadata{"plan": enduser.String("pro")},
	}}
	for more := true; more; {
		page, err := acme.List(ctx, q)
		if err != nil {
			log.Fatal(err)
		}
		for _, u := range page.Users {
			fmt.Println(u.Name)
		}
		q.After = page.Next
		more = !page.Next.IsZero()
	}
	// Output:
	// Bob Lee
	// Cleo Lee
}

func ExampleTenant_All() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")
	for _, name := range []string{"ann", "bob"} {
		if _, err := acme.Create(ctx, enduser.Spec{Name: name}); err != nil {
			log.Fatal(err)
		}
	}
	for u, err := range acme.All(ctx, enduser.Filter{}) {
		if err != nil {
			log.Fatal(err)
		}
		// The loop holds nothing: it may call the Manager.
		u, err = acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error {
			u.Groups = append(u.Groups, "everybody")
			return nil
		})
		fmt.Println(u.Name, u.Groups, err)
	}
	// Output:
	// ann [everybody] <nil>
	// bob [everybody] <nil>
}

func ExampleTenant_Changes() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme").As("key_42")
	for _, s := range []enduser.Spec{{ExternalID: "a"}, {ExternalID: "a", Name: "Ann", Email: "ann@example.com"}} {
		if _, _, err := acme.Upsert(ctx, s); err != nil {
			log.Fatal(err)
		}
	}
	if err := acme.Delete(ctx, enduser.ByExternalID("a")); err != nil {
		log.Fatal(err)
	}
	// A reader keeps the position that it has reached, and waits for more.
	var first, after enduser.Position
	for seen := 0; seen < 3; {
		if err := acme.WaitChanges(ctx, after); err != nil {
			log.Fatal(err)
		}
		page, err := acme.Changes(ctx, enduser.ChangeQuery{After: after})
		if err != nil {
			log.Fatal(err)
		}
		for _, c := range page.Changes {
			fmt.Println(c.Revision, c.Type, c.ID, c.Actor, c.Fields)
		}
		if seen == 0 {
			first = page.Changes[0].Position
		}
		seen += len(page.Changes)
		after = page.Position
	}
	fmt.Println(acme.TrimChanges(ctx, after))
	_, err := acme.Changes(ctx, enduser.ChangeQuery{After: first})
	fmt.Println(errors.Is(err, enduser.ErrTrimmed))
	// Output:
	// 1 created user-1 key_42 []
	// 2 updated user-1 key_42 [name email]
	// 3 deleted user-1 key_42 []
	// <nil>
	// true
}

func ExampleTenant_Follow() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")
	position, err := acme.Latest(ctx) // or the position where the reader stopped the last time
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		_, _, _ = acme.Upsert(ctx, enduser.Spec{ExternalID: "a", Email: "ann@example.com"})
		_, _, _ = acme.Upsert(ctx, enduser.Spec{ExternalID: "a", Name: "Ann"})
		_, _, _ = acme.Upsert(ctx, enduser.Spec{ExternalID: "a", Email: "a@example.com"})
	}()
	for c, err := range acme.Follow(ctx, enduser.ChangeQuery{After: position, Fields: []string{"email"}}) {
		if err != nil {
			log.Fatal(err) // after enduser.ErrTrimmed: read all users, and begin anew
		}
		fmt.Println(c.Type, c.ID, c.Fields)
		position = c.Position // keep it when the change has been handled
		if c.Type == enduser.ChangeUpdated {
			break
		}
	}
	page, err := acme.Changes(ctx, enduser.ChangeQuery{After: position})
	fmt.Println(len(page.Changes), "more", err)
	// Output:
	// created user-1 []
	// updated user-1 [email]
	// 0 more <nil>
}

func ExampleTenant_Reindex() {
	ctx := context.Background()
	schema := enduser.Schema{}
	users := enduser.New(memory.New(nil), &enduser.Options{Schema: func(string) enduser.Schema { return schema }})
	acme := users.Tenant("acme")
	pro := enduser.Metadata{"plan": enduser.String("pro")}
	if _, err := acme.Create(ctx, enduser.Spec{ExternalID: "a", Metadata: pro}); err != nil {
		log.Fatal(err)
	}

	schema.IndexedMetadata = []string{"plan"} // from now on
	fmt.Println(acme.Reindex(ctx))
	page, err := acme.List(ctx, enduser.Query{Filter: enduser.Filter{Metadata: pro}})
	fmt.Println(len(page.Users), err)
	// Output:
	// 1 <nil>
	// 1 <nil>
}

// A create without an identity can only be repeated with a key.
func ExampleIdempotent() {
	acme := enduser.New(memory.New(nil), nil).Tenant("acme")
	ctx := enduser.Idempotent(context.Background(), "order-7")
	first, err := acme.Create(ctx, enduser.Spec{Name: "Ann"})
	if err != nil {
		log.Fatal(err)
	}
	again, err := acme.Create(ctx, enduser.Spec{Name: "Ann"}) // because the answer was lost, perhaps
	fmt.Println(again.ID == first.ID, err)
	_, err = acme.Create(ctx, enduser.Spec{Name: "Bob"})
	fmt.Println(err)
	// Output:
	// true <nil>
	// enduser: the idempotency key belongs to another call
}

// A server gives the key of its client's request, and whose it is. Then a repeated request can
// be told from the first.
func ExampleIdempotency() {
	acme := enduser.New(memory.New(nil), nil).Tenant("acme")
	for range 2 {
		key := &enduser.Idempotency{Key: "7f1c", Scope: "client-3", Digest: []byte("a digest of the request")}
		u, err := acme.Create(key.Context(context.Background()), enduser.Spec{Name: "Ann"})
		fmt.Println(u.Name, err, key.Replayed())
	}
	// Output:
	// Ann <nil> false
	// Ann <nil> true
}
