package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Everything that is refused as ErrInvalid is an *InvalidError, as its doc says,
// whether this package or the store finds it.
func TestErrInvalidIsAnInvalidError(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m := enduser.New(memory.New(nil), &enduser.Options{Schema: func(string) enduser.Schema {
		return enduser.Schema{IndexedMetadata: []string{"plan"}}
	}})
	acme := m.Tenant("acme")
	if _, err := acme.Create(ctx, enduser.Spec{ExternalID: "crm-7"}); err != nil {
		t.Fatal(err)
	}
	update := func(fn func(u *enduser.Edit)) error {
		_, err := acme.Update(ctx, enduser.ByExternalID("crm-7"), func(u *enduser.Edit) error {
			fn(u)
			return nil
		})
		return err
	}
	get := func(ref enduser.Ref) error {
		_, err := acme.Get(ctx, ref)
		return err
	}
	list := func(q enduser.Query) error {
		_, err := acme.List(ctx, q)
		return err
	}
	changes := func(q enduser.ChangeQuery) error {
		_, err := acme.Changes(ctx, q)
		return err
	}
	for range 2 {
		if _, err := acme.Create(ctx, enduser.Spec{}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := acme.List(ctx, enduser.Query{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	cursor := page.Next
	position, err := acme.Latest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"empty tenant":                get2(m.Tenant("")),
		"long tenant":                 get2(m.Tenant(strings.Repeat("x", 256))),
		"environment":                 get2(acme.In("Nowhere")),
		"actor":                       get2(acme.As("a\nb")),
		"no reference":                get(enduser.Ref{}),
		"empty ID":                    get(enduser.ByID("")),
		"ID of 300 bytes":             get(enduser.ByID(strings.Repeat("a", 300))),
		"ID of 2,000 bytes":           get(enduser.ByID(strings.Repeat("a", 2000))),
		"external ID with a long key": get(enduser.ByExternalID(strings.Repeat("\U0001d160", 256))),
		"e-mail that is not UTF-8":    get(enduser.ByEmail("\xff")),
		"account without type":        get(enduser.ByAccount(enduser.Account{Type: "", ID: "1"})),
		"limit":                       list(enduser.Query{Limit: 501}),
		"negative limit":              list(enduser.Query{Limit: -1}),
		"two cursors":                 list(enduser.Query{After: cursor, Before: cursor}),
		"cursor of another list":      list(enduser.Query{After: cursor, Desc: true}),
		"key that is not indexed":     list(enduser.Query{Filter: enduser.Filter{Metadata: enduser.Metadata{"x": enduser.Int(1)}}}),
		"value that is not UTF-8":     list(enduser.Query{Filter: enduser.Filter{Metadata: enduser.Metadata{"plan": enduser.String("\xff")}}}),
		"before without desc":         changes(enduser.ChangeQuery{Before: position}),
		"negative limit of changes":   changes(enduser.ChangeQuery{Limit: -1}),
		"large limit of changes":      changes(enduser.ChangeQuery{Limit: 1001}),
		"another's position to trim":  m.Tenant("b").TrimChanges(ctx, position),
		"deadline before 1970":        update(func(u *enduser.Edit) { u.ExpiresAt = time.Unix(-5, 0) }),
		"deadline after 9999":         update(func(u *enduser.Edit) { u.ExpiresAt = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"ID changed":                  update(func(u *enduser.Edit) { u.ID = "x" }),
	} {
		if !errors.Is(err, enduser.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		} else if detail, ok := errors.AsType[*enduser.InvalidError](err); !ok || len(detail.Violations) == 0 {
			t.Errorf("%s: not an *InvalidError: %v", name, err)
		}
	}
}

func get2(t enduser.Tenant) error {
	_, err := t.Get(context.Background(), enduser.ByID("x"))
	return err
}

// Whatever a policy admits can be written, with the change note that goes with it.
func TestManyFieldsChangeAtOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	acme := enduser.New(memory.New(nil), nil).Tenant("acme").With(enduser.Policy{
		MaxMetadataKeys: 4096, MaxMetadataKey: 256, MaxMetadataBytes: 256 << 10,
	})
	u, err := acme.Create(ctx, enduser.Spec{ExternalID: "crm-7"})
	if err != nil {
		t.Fatal(err)
	}
	many := enduser.Metadata{}
	for i := range 800 {
		many[fmt.Sprintf("%s-%d", strings.Repeat("k", 100), i)] = enduser.Int(1)
	}
	if _, _, err := acme.Upsert(ctx, enduser.Spec{ExternalID: "crm-7", Metadata: many}); err != nil {
		t.Errorf("Upsert of %d keys into user %s: %v", len(many), u.ID, err)
	}
}

// A life that ended before it began is a mistake, not a life without end.
func TestNegativeExpiresIn(t *testing.T) {
	t.Parallel()
	acme := enduser.New(memory.New(nil), nil).Tenant("acme")
	u, err := acme.Create(context.Background(), enduser.Spec{ExternalID: "crm-7", ExpiresIn: -time.Hour})
	if !errors.Is(err, enduser.ErrInvalid) {
		t.Errorf("Create: %v and a user that expires at %v, want ErrInvalid", err, u.ExpiresAt)
	}
}
