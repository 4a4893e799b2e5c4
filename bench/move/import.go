package main

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
	"github.com/rollbook-go/rollbook/store/redis"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// openStore opens the store of a kind at a path, DSN or address.
func openStore(ctx context.Context, kind, at string) (store.Store, func(), error) {
	switch kind {
	case "sqlite":
		st, err := sqlite.Open(ctx, at, nil)
		return st, func() { _ = st.Close() }, err
	case "postgres":
		pool, err := pgxpool.New(ctx, at)
		if err != nil {
			return nil, nil, err
		}
		st, err := postgres.New(ctx, pool, nil)
		return st, func() { _ = st.Close(); pool.Close() }, err
	case "redis":
		client := redis.NewClient(&goredis.UniversalOptions{Addrs: []string{at}})
		st, err := redis.New(client, nil)
		return st, func() { _ = client.Close() }, err
	}
	return nil, nil, fmt.Errorf("there is no store %q", kind)
}

// user returns the row with a number: about 600 bytes when it is stored.
func user(n int) enduser.Spec {
	return enduser.Spec{
		ExternalID: fmt.Sprintf("crm-%08d", n),
		Name:       []string{"Ann", "Bob", "Cleo", "Dana"}[n%4] + " " + []string{"Lee", "Okafor", "Smith"}[n/4%3],
		Email:      fmt.Sprintf("user%d@example.com", n),
		Language:   "en-GB",
		Metadata:   enduser.Metadata{"plan": enduser.String("pro"), "note": enduser.String(strings.Repeat("n", 300))},
	}
}

func users(from, to int) iter.Seq[enduser.Spec] {
	return func(yield func(enduser.Spec) bool) {
		for n := from; n < to; n++ {
			if !yield(user(n)) {
				return
			}
		}
	}
}

// importRows is the process that is killed.
func importRows(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("import", flag.ContinueOnError)
	kind, at := f.String("store", "", ""), f.String("at", "", "")
	from, rows := f.Int("from", 0, ""), f.Int("rows", 0, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	st, end, err := openStore(ctx, *kind, *at)
	if err != nil {
		return err
	}
	defer end()
	fmt.Println("open")
	known, answered := 0, *from
	for r, err := range enduser.New(st, nil).Tenant("acme").UpsertAll(ctx, users(*from, *rows), nil) {
		if err != nil {
			return fmt.Errorf("row %d: %w", *from+r.Row, err)
		}
		if r.Outcome != enduser.Created {
			known++
		}
		if answered++; answered%1000 == 0 || answered == *rows {
			fmt.Println(answered, known)
		}
	}
	return nil
}

// count reads the whole store: each user must be there once, and have been created once.
func count(ctx context.Context, kind, at string, rows int) error {
	st, end, err := openStore(ctx, kind, at)
	if err != nil {
		return err
	}
	defer end()
	acme := enduser.New(st, nil).Tenant("acme")
	seen, ids := make([]bool, rows), make(map[string]bool, rows)
	for u, err := range acme.All(ctx, enduser.Filter{}) {
		if err != nil {
			return err
		}
		var n int
		if _, err := fmt.Sscanf(u.ExternalID, "crm-%d", &n); err != nil || n < 0 || n >= rows || seen[n] {
			return fmt.Errorf("user %s is there twice, or should not be there: %w", u.ID, err)
		}
		if want := user(n); u.Email != want.Email || u.Name != want.Name {
			return fmt.Errorf("user %s is not as it was in its row", u.ID)
		}
		seen[n], ids[u.ID] = true, true
	}
	if len(ids) != rows {
		return fmt.Errorf("%d users, want %d", len(ids), rows)
	}
	changes := 0
	for q := (enduser.ChangeQuery{Limit: 1000}); ; {
		page, err := acme.Changes(ctx, q)
		if err != nil {
			return err
		}
		for _, c := range page.Changes {
			if c.Type != enduser.ChangeCreated || !ids[c.ID] {
				return fmt.Errorf("a change %s of %s, want that each user was created once", c.Type, c.ID)
			}
			delete(ids, c.ID)
			changes++
		}
		if !page.More {
			break
		}
		q.After = page.Position
	}
	if changes != rows {
		return fmt.Errorf("%d changes, want %d", changes, rows)
	}
	return nil
}
