package enduser_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestStories writes down what hosts do most, as they would. It is here to be read: if a
// story is awkward, the API is.
func TestStories(t *testing.T) {
	ctx := t.Context()
	users := enduser.New(memory.New(nil), &enduser.Options{
		Keyring: enduser.NewKeyring(testKey("k1")),
		Schema: func(string) enduser.Schema {
			return enduser.Schema{IndexedMetadata: []string{"plan"}}
		},
	})
	acme := users.Tenant("acme").As("crm")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	// 1. Somebody logs in: the user is there, or is made.
	ann, outcome, err := acme.Ensure(ctx, enduser.Spec{ExternalID: "crm-7"})
	must(err)
	if outcome != enduser.Created || ann.Name != "" {
		t.Error(ann, outcome)
	}

	// 2. A system sends what it knows.
	ann, outcome, err = acme.Upsert(ctx, enduser.Spec{
		ExternalID: "crm-7", Name: "Ann",
		Metadata: enduser.Metadata{"plan": enduser.String("pro")},
		Accounts: []enduser.Account{{Type: "discord", ID: "8035"}},
	})
	must(err)
	if outcome != enduser.Updated {
		t.Error(outcome)
	}

	// 3. Change what I have seen, unless somebody else was faster.
	seen := ann.Version
	_, err = acme.Update(ctx, enduser.ByID(ann.ID), func(e *enduser.Edit) error {
		e.Name = "Ann Lee"
		return nil
	}, enduser.IfVersion(seen))
	must(err)
	_, err = acme.Update(ctx, enduser.ByID(ann.ID), func(e *enduser.Edit) error {
		e.Name = "Anna"
		return nil
	}, enduser.IfVersion(seen))
	if !errors.Is(err, enduser.ErrVersion) {
		t.Error(err)
	}

	// 4. Who has this account?
	ann, err = acme.Get(ctx, enduser.ByAccount(enduser.Account{Type: "discord", ID: "8035"}))
	must(err)

	// 5. Walk a list page by page, and count it.
	for q := (enduser.Query{Filter: enduser.Filter{Metadata: enduser.Metadata{"plan": enduser.String("pro")}}}); ; {
		page, err := acme.List(ctx, q)
		must(err)
		if len(page.Users) == 0 || page.Next.IsZero() {
			break
		}
		q.After = page.Next
	}
	count, err := acme.Count(ctx, enduser.Query{})
	must(err)
	if count != (enduser.Count{N: 1, Exact: true}) {
		t.Error(count)
	}

	// 6. Follow what happens from now on, and keep the place as text.
	now, err := acme.Latest(ctx)
	must(err)
	kept := now.String()
	must(acme.Delete(ctx, enduser.ByID(ann.ID), enduser.IfVersion(ann.Version))) // 7. with a condition
	now, err = enduser.ParsePosition(kept)
	must(err)
	page, err := acme.Changes(ctx, enduser.ChangeQuery{After: now})
	must(err)
	if len(page.Changes) != 1 || page.Changes[0].Type != enduser.ChangeDeleted {
		t.Error(page)
	}

	// 8. A group, its token, and whose a token is.
	_, token, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7"})
	must(err)
	_, token, err = acme.Groups().Rotate(ctx, enduser.GroupByToken(token), time.Hour)
	must(err)
	team, err := acme.Groups().Authenticate(ctx, token)
	must(err)
	if team.ExternalID != "team-7" {
		t.Error(team)
	}

	// 9. Keep a value that no answer shows.
	bob, err := acme.Create(ctx, enduser.Spec{Name: "Bob", Sensitive: map[string]enduser.Secret{
		"session": enduser.NewSecret(enduser.String("s3cr3t")),
	}})
	must(err)
	values, err := acme.RevealSensitive(ctx, enduser.ByID(bob.ID))
	must(err)
	if got := fmt.Sprint(values["session"]); got != "s3cr3t" {
		t.Error(got)
	}

	// 10. What a family of routes asks for stays, whatever a host adds.
	policy := enduser.Policy{MaxName: 20}.Or(enduser.Policy{UniqueEmail: true, MaxName: 50})
	if !policy.UniqueEmail || policy.MaxName != 20 {
		t.Error(policy)
	}
}
