package enduser_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// exampleKey returns a key. A program gets the bytes from where it keeps its
// secrets, and never from its source.
func exampleKey(id string) enduser.Key {
	secret := [32]byte([]byte("0123456789abcdef0123456789abcdef"))
	copy(secret[:], id)
	key, err := enduser.NewKey(id, secret)
	if err != nil {
		log.Fatal(err)
	}
	return key
}

// exampleKeeper is exampleManager with a Keyring.
func exampleKeeper() (*enduser.Manager, func(time.Duration)) {
	now := time.Date(2026, time.May, 4, 9, 30, 0, 0, time.UTC)
	ids := 0
	users := enduser.New(memory.New(nil), &enduser.Options{
		Now:     func() time.Time { return now },
		NewID:   func() string { ids++; return fmt.Sprintf("id-%d", ids) },
		Keyring: enduser.NewKeyring(exampleKey("2026-05")),
	})
	return users, func(d time.Duration) { now = now.Add(d) }
}

func ExampleGroups_Create() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")

	g, token, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "Team-7", Name: "The Seven"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(g, len(token))
	_, _, err = acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "Team-7"})
	fmt.Println(err)
	// Output:
	// group id-1 64
	// enduser: conflict: external_id belongs to group id-1
}

func ExampleGroups_Ensure() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")

	for _, name := range []string{"The Seven", "Somebody else"} {
		g, outcome, err := acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "team-7", Name: name})
		fmt.Println(outcome, g.Name, err)
	}
	// Output:
	// created The Seven <nil>
	// unchanged The Seven <nil>
}

func ExampleGroups_Get() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")
	g, token, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7"})
	if err != nil {
		log.Fatal(err)
	}
	for _, ref := range []enduser.GroupRef{
		enduser.GroupByID(g.ID), enduser.GroupByExternalID("team-7"), enduser.GroupByToken(token), enduser.GroupByID("id-2"),
	} {
		g, err := acme.Groups().Get(ctx, ref)
		fmt.Println(ref, g.ID, errors.Is(err, enduser.ErrNotFound))
	}
	// Output:
	// id id-1 false
	// external_id id-1 false
	// token id-1 false
	// id  true
}

func ExampleGroups_Update() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")
	if _, _, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7"}); err != nil {
		log.Fatal(err)
	}
	g, err := acme.Groups().Update(ctx, enduser.GroupByExternalID("team-7"), func(g *enduser.Group) error {
		g.Name = "The Seven"
		g.Metadata["region"] = enduser.String("emea")
		return nil
	})
	fmt.Println(g.Name, g.Metadata["region"].Text(), g.Revision, err)
	// Output: The Seven "emea" 2 <nil>
}

func ExampleGroups_Rotate() {
	ctx := context.Background()
	users, advance := exampleKeeper()
	acme := users.Tenant("acme")
	_, old, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7"})
	if err != nil {
		log.Fatal(err)
	}

	// Who has the old token has an hour to learn the new one.
	_, token, err := acme.Groups().Rotate(ctx, enduser.GroupByToken(old), time.Hour)
	fmt.Println(token != old, err)
	_, _, err = acme.Groups().Rotate(ctx, enduser.GroupByToken(old), time.Hour) // it is no longer the group's
	fmt.Println(errors.Is(err, enduser.ErrNotFound))
	_, err = acme.Groups().Authenticate(ctx, old)
	fmt.Println(err)
	advance(time.Hour)
	_, err = acme.Groups().Authenticate(ctx, old)
	fmt.Println(errors.Is(err, enduser.ErrNotFound))
	// Output:
	// true <nil>
	// true
	// <nil>
	// true
}

func ExampleIfGroup() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")
	g, _, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7", Metadata: enduser.Metadata{"demo": enduser.Bool(true)}})
	if err != nil {
		log.Fatal(err)
	}
	noDemo := enduser.IfGroup(func(g enduser.Group) error {
		if demo, _ := g.Metadata["demo"].Bool(); demo {
			return errors.New("the token of a demo stays")
		}
		return nil
	})
	_, _, err = acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), enduser.MaxOverlap, noDemo)
	fmt.Println(err)
	// Output: the token of a demo stays
}

func ExampleGroups_Authenticate() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")
	_, token, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7", Metadata: enduser.Metadata{"region": enduser.String("emea")}})
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range []string{token, token[1:]} {
		g, err := acme.Groups().Authenticate(ctx, t)
		fmt.Println(g.ExternalID, g.Metadata["region"].Text(), errors.Is(err, enduser.ErrNotFound))
	}
	// Output:
	// team-7 "emea" false
	//  null true
}

func ExampleGroups_Delete() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")
	g, _, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7"})
	if err != nil {
		log.Fatal(err)
	}
	if _, _, err := acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), 0); err != nil {
		log.Fatal(err)
	}
	fmt.Println(acme.Groups().Delete(ctx, enduser.GroupByID(g.ID), enduser.IfVersion(g.Version))) // it is another by now
	fmt.Println(acme.Groups().Delete(ctx, enduser.GroupByID(g.ID)))
	// Output:
	// enduser: another version
	// <nil>
}

func ExampleGroups_List() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")
	for _, id := range []string{"team-7", "team-8", "team-9"} {
		if _, _, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: id}); err != nil {
			log.Fatal(err)
		}
	}
	q := enduser.GroupQuery{Limit: 2}
	for more := true; more; {
		page, err := acme.Groups().List(ctx, q)
		if err != nil {
			log.Fatal(err)
		}
		for _, g := range page.Groups {
			fmt.Print(g.ExternalID, " ")
		}
		more = !page.Next.IsZero()
		fmt.Println(!page.Previous.IsZero(), more)
		q.After = page.Next
	}
	// Output:
	// team-7 team-8 false true
	// team-9 true false
}

func ExampleGroups_All() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")
	for _, id := range []string{"team-7", "team-8"} {
		if _, _, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: id}); err != nil {
			log.Fatal(err)
		}
	}
	for g, err := range acme.Groups().All(ctx) {
		fmt.Println(g.ExternalID, err)
	}
	// Output:
	// team-7 <nil>
	// team-8 <nil>
}

func ExampleTenant_RevealSensitive() {
	ctx := context.Background()
	users, advance := exampleKeeper()
	acme := users.Tenant("acme")
	ann := enduser.ByExternalID("ann")
	s := enduser.Spec{ExternalID: "ann", Sensitive: map[string]enduser.Secret{
		"ssn": enduser.NewSecret(enduser.String("078-05-1120")),
		"pin": enduser.NewSecret(enduser.Int(1234)),
	}}
	if _, err := acme.Create(ctx, s); err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Sensitive) // it can be written and not read
	show := func() {
		values, err := acme.RevealSensitive(ctx, ann)
		fmt.Println(len(values), values["ssn"].Text(), err)
	}
	show()
	advance(enduser.SensitiveTTL)
	show()
	// Output:
	// map[pin:[redacted] ssn:[redacted]]
	// 2 "078-05-1120" <nil>
	// 0 null <nil>
}

func ExampleEdit_SetSensitive() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")
	u, err := acme.Create(ctx, enduser.Spec{Sensitive: map[string]enduser.Secret{"pin": enduser.NewSecret(enduser.Int(1234))}})
	if err != nil {
		log.Fatal(err)
	}
	for _, edit := range []func(*enduser.Edit){
		func(u *enduser.Edit) { u.SetSensitive("card", enduser.NewSecret(enduser.String("4111"))) },
		func(u *enduser.Edit) { u.SetSensitive("pin", enduser.Secret{}) }, // null removes it
		func(u *enduser.Edit) { u.ClearSensitive() },
	} {
		if _, err := acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error { edit(u); return nil }); err != nil {
			log.Fatal(err)
		}
		values, err := acme.RevealSensitive(ctx, enduser.ByID(u.ID))
		fmt.Println(values, err)
	}
	// Output:
	// map[card:4111 pin:1234] <nil>
	// map[card:4111] <nil>
	// map[] <nil>
}

func ExampleNewKeyring() {
	ctx := context.Background()
	st := memory.New(nil)
	manager := func(keys ...enduser.Key) *enduser.Manager {
		return enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(keys[0], keys[1:]...)})
	}
	old, next := exampleKey("2026-05"), exampleKey("2026-06")
	if _, _, err := manager(old).Tenant("acme").Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7"}); err != nil {
		log.Fatal(err)
	}

	// To rotate: behind the old key in all processes, then in front of it.
	users := manager(next, old)
	counts, err := users.CountSealed(ctx)
	fmt.Println(users.HasKeyring(), counts, err)
	fmt.Println(users.Reseal(ctx))
	counts, err = users.CountSealed(ctx)
	fmt.Println(counts, err) // now the old one can be taken away
	// Output:
	// true map[2026-05:1] <nil>
	// 1 <nil>
	// map[2026-06:1] <nil>
}

// A key is 32 random bytes, made once and kept where the host keeps its secrets.
func ExampleNewKey() {
	var secret [32]byte
	rand.Read(secret[:]) // of crypto/rand
	key, err := enduser.NewKey("2026-05", secret)
	fmt.Println(key, err) // its ID alone
	_, err = enduser.NewKey("", [32]byte{})
	fmt.Println(errors.Is(err, enduser.ErrInvalid))
	// Output:
	// key 2026-05 <nil>
	// true
}

// An order names its buyer by one ID, whichever the shop knows.
func ExampleByEitherID() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")
	for _, s := range []enduser.Spec{{ExternalID: "ann", Name: "Ann"}, {Name: "Bob"}} {
		if _, err := acme.Create(ctx, s); err != nil {
			log.Fatal(err)
		}
	}
	for _, id := range []string{"ANN", "id-2", "id-1"} { // Ann is id-1, too
		u, err := acme.Get(ctx, enduser.ByEitherID(id))
		fmt.Println(id, u.Name, errors.Is(err, enduser.ErrNotFound))
	}
	// Output:
	// ANN Ann false
	// id-2 Bob false
	// id-1 Ann false
}

func ExampleTenant_Associate_condition() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")
	u, err := acme.Create(ctx, enduser.Spec{Name: "Ann", ExpiresIn: enduser.ProvisionalTTL})
	if err != nil {
		log.Fatal(err)
	}
	reachable := func(u enduser.User) error {
		if u.Email == "" {
			return errors.New("stays provisional without an address")
		}
		return nil
	}
	_, err = acme.Associate(ctx, enduser.ByID(u.ID), enduser.IfUser(reachable))
	fmt.Println(err)
	_, err = acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error { u.Email = "ann@example.com"; return nil })
	if err != nil {
		log.Fatal(err)
	}
	u, err = acme.Associate(ctx, enduser.ByID(u.ID), enduser.IfUser(reachable))
	fmt.Println(u.ExpiresAt.IsZero(), err)
	// Output:
	// stays provisional without an address
	// true <nil>
}
