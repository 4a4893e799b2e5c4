package rollbook_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// The second Upsert of an external ID finds the user of the first, in any spelling. The
// README shows this file as a program.
func Example() {
	ctx := context.Background()
	users := enduser.New(memory.New(nil), nil)
	acme := users.Tenant("acme").As("crm")

	for _, id := range []string{"crm-7", "CRM-7"} {
		ann, outcome, err := acme.Upsert(ctx, enduser.Spec{ExternalID: id, Name: "Ann"})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(outcome, ann.ExternalID, ann.Name)
	}
	if _, err := users.Tenant("umbrella").Get(ctx, enduser.ByExternalID("crm-7")); errors.Is(err, enduser.ErrNotFound) {
		fmt.Println("umbrella has none")
	}
	// Output:
	// created crm-7 Ann
	// unchanged crm-7 Ann
	// umbrella has none
}
