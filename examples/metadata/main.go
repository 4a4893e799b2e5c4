// Metadata keeps a struct of the host with each user: it writes it with the user, changes it
// without losing other writes, and lists users by it.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"os"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Subscription is what this host keeps about a user.
type Subscription struct {
	Plan  string `json:"plan"`
	Seats int64  `json:"seats"`
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	users := enduser.New(memory.New(nil), &enduser.Options{
		Schema: func(string) enduser.Schema { return enduser.Schema{IndexedMetadata: []string{"plan"}} },
	})
	acme := users.Tenant("acme")

	for id, s := range map[string]Subscription{"ann": {"pro", 5}, "bob": {"free", 1}} {
		metadata, err := enduser.MetadataOf(s)
		if err != nil {
			return err
		}
		if _, _, err := acme.Upsert(ctx, enduser.Spec{ExternalID: id, Metadata: metadata}); err != nil {
			return err
		}
	}
	if err := addSeats(ctx, acme, "ann", 2); err != nil {
		return err
	}
	pro := enduser.Filter{Metadata: enduser.Metadata{"plan": enduser.String("pro")}}
	for u, err := range acme.All(ctx, pro) {
		if err != nil {
			return err
		}
		s, err := enduser.MetadataAs[Subscription](u.Metadata)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s has %d seats\n", u.ExternalID, s.Seats)
	}
	return nil
}

// addSeats adds to the seats of a subscription. It keeps keys that are not the struct's, and
// concurrent writes.
func addSeats(ctx context.Context, acme enduser.Tenant, id string, n int64) error {
	_, err := acme.Update(ctx, enduser.ByExternalID(id), func(e *enduser.Edit) error {
		s, err := enduser.MetadataAs[Subscription](e.Metadata)
		if err != nil {
			return err
		}
		s.Seats += n
		changed, err := enduser.MetadataOf(s)
		maps.Copy(e.Metadata, changed)
		return err
	})
	return err
}
