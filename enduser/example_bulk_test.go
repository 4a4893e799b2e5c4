package enduser_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

func ExampleTenant_UpsertAll() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")

	file := bufio.NewScanner(strings.NewReader("crm-1,Ann\ncrm-2,Bob\n,Eve\nCRM-1,Anna\n"))
	specs := func(yield func(enduser.Spec) bool) {
		for file.Scan() {
			id, name, _ := strings.Cut(file.Text(), ",")
			if !yield(enduser.Spec{ExternalID: id, Name: name}) {
				return
			}
		}
	}
	for r, err := range acme.UpsertAll(ctx, specs, nil) {
		fmt.Println(r.Row, r.Outcome, r.ExternalID, err)
	}
	if err := file.Err(); err != nil {
		fmt.Println("the file ended early:", err)
	}
	// Output:
	// 0 created crm-1 <nil>
	// 1 created crm-2 <nil>
	// 2 none  enduser: invalid: external_id: must be given, or an account, to identify a user
	// 3 updated crm-1 <nil>
}

func ExampleBulkOptions() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")
	specs := []enduser.Spec{{ExternalID: "crm-1"}, {ExternalID: "crm-2", Language: "English"}}

	for r, err := range acme.UpsertAll(ctx, slices.Values(specs), &enduser.BulkOptions{DryRun: true}) {
		fmt.Println("would be:", r.Row, r.Outcome, err)
	}
	for r, err := range acme.UpsertAll(ctx, slices.Values(specs), &enduser.BulkOptions{Atomic: true}) {
		fmt.Println(r.Row, r.Outcome, errors.Is(err, enduser.ErrNotWritten))
	}
	// Output:
	// would be: 0 created <nil>
	// would be: 1 none enduser: invalid: language: must be a well-formed language tag (BCP 47)
	// 0 none true
	// 1 none false
}

func ExampleTenant_ImportAll() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")

	rows := []enduser.Import{
		{ID: "cus_4fYq", CreatedAt: users.Now().Add(-24 * time.Hour), CreatedBy: "the vendor", Spec: enduser.Spec{Name: "Ann"}},
		{Err: errors.New("line 2: not JSON")},
	}
	for r, err := range acme.ImportAll(ctx, slices.Values(rows), nil) {
		fmt.Println(r.Row, r.Outcome, r.ID, err)
	}
	u, err := acme.Get(ctx, enduser.ByEitherID("CUS_4FYQ")) // clients go on with the vendor's ID
	fmt.Println(u.Name, u.CreatedBy, err)
	_, err = acme.Create(ctx, enduser.Spec{ExternalID: "cus_4fyq"})
	fmt.Println(err)
	// Output:
	// 0 created cus_4fYq <nil>
	// 1 none  line 2: not JSON
	// Ann the vendor <nil>
	// enduser: conflict: external_id belongs to user cus_4fYq
}

func ExampleTenant_GetAll() {
	ctx := context.Background()
	users, _ := exampleManager()
	acme := users.Tenant("acme")
	if _, err := acme.Create(ctx, enduser.Spec{ExternalID: "crm-1", Name: "Ann"}); err != nil {
		fmt.Println(err)
	}
	found, err := acme.GetAll(ctx, []enduser.Ref{enduser.ByExternalID("crm-1"), enduser.ByID("nobody")})
	for _, f := range found {
		fmt.Printf("%q %v\n", f.User.Name, errors.Is(f.Err, enduser.ErrNotFound))
	}
	fmt.Println(err)
	// Output:
	// "Ann" false
	// "" true
	// <nil>
}
