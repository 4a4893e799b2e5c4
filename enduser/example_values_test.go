package enduser_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/enduser"
)

func ExamplePolicy() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme").With(enduser.Policy{UniqueEmail: true, AccountTypes: []string{"slack"}})

	_, err := acme.Create(ctx, enduser.Spec{Email: "ann@example.com"})
	fmt.Println(err)
	_, err = acme.Create(ctx, enduser.Spec{Email: "ANN@example.com", ExternalID: "b"})
	fmt.Println(err)
	_, err = acme.Create(ctx, enduser.Spec{Accounts: []enduser.Account{{Type: "fax", ID: "1"}}})
	fmt.Println(err)
	// Output:
	// <nil>
	// enduser: conflict: email belongs to user user-1
	// enduser: invalid: linked_accounts[0].type: must be one of slack
}

func ExampleInvalidError() {
	users, _ := exampleManager()
	_, err := users.Tenant("acme").Create(context.Background(), enduser.Spec{
		ExternalID: " crm-7", Email: "nobody", Language: "English",
	})
	if invalid, ok := errors.AsType[*enduser.InvalidError](err); ok {
		for _, v := range invalid.Violations {
			fmt.Println(v.Field, v.Code)
		}
	}
	// Output:
	// external_id surrounding_space
	// email invalid_format
	// language invalid_format
}

func ExampleTenant_SameExternalID() {
	users, _ := exampleManager()
	acme := users.Tenant("acme")
	fmt.Println(acme.SameExternalID("Crm-É", "cRM-e\u0301"), acme.SameExternalID("straße", "STRASSE"))
	// Output: true false
}

func ExampleMetadataOf() {
	type plan struct {
		Name  string `json:"name"`
		Seats int64  `json:"seats"`
	}
	m, err := enduser.MetadataOf(plan{"pro", 9007199254740993})
	fmt.Println(m["name"].Text(), m["seats"].Text(), err)
	p, err := enduser.MetadataAs[plan](m)
	fmt.Println(p, err)
	// Output:
	// "pro" 9007199254740993 <nil>
	// {pro 9007199254740993} <nil>
}

func ExampleMetadata_MergePatch() {
	m := enduser.Metadata{"plan": enduser.String("pro"), "trial": enduser.Bool(true)}
	m, err := m.MergePatch(`{"plan":"team","trial":null,"limits":{"seats":5}}`)
	fmt.Println(string(m.AppendJSON(nil)), err)
	// Output: {"limits":{"seats":5},"plan":"team"} <nil>
}

func ExampleJSON() {
	v, err := enduser.JSON(`{"seats": 12}`)
	fmt.Println(v.Text(), err)
	_, err = enduser.JSON(`{"seats": 12, "seats": 13}`)
	fmt.Println(errors.Is(err, enduser.ErrInvalid))
	// Output:
	// {"seats":12} <nil>
	// true
}
