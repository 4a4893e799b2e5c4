// Embed keeps the users of one customer in memory: it upserts two, gets one and
// lists all.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	acme := enduser.New(memory.New(nil), nil).Tenant("acme")
	for _, spec := range []enduser.Spec{{ExternalID: "crm-7", Name: "Ann"}, {ExternalID: "crm-8", Name: "Bob"}} {
		if _, _, err := acme.Upsert(ctx, spec); err != nil {
			return err
		}
	}
	ann, err := acme.Get(ctx, enduser.ByExternalID("CRM-7"))
	if err != nil {
		return err
	}
	page, err := acme.List(ctx, enduser.Query{})
	fmt.Fprintf(out, "%s is one of %d users\n", ann.Name, len(page.Users))
	return err
}
