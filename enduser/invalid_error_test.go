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
	m := enduser.New(memory.New(), nil)
	acme := m.Tenant("acme").With(enduser.Policy{IndexedMetadata: []string{"plan"}})
	if _, err := acme.Create(ctx, enduser.Spec{ExternalID: "crm-7"}); err != nil {
		t.Fatal(err)
	}
	update := func(fn func(u *enduser.User)) error {
		_, err := acme.Update(ctx, enduser.ByExternalID("crm-7"), func(u *enduser.User) error {
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
	changes := func(after int64, limit int) error {
		_, err := acme.Changes(ctx, after, limit)
		return err
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
		"account without type":        get(enduser.ByAccount("", "1")),
		"limit":                       list(enduser.Query{Limit: 501}),
		"negative limit":              list(enduser.Query{Limit: -1}),
		"two cursors":                 list(enduser.Query{After: 1, Before: 1}),
		"negative cursor":             list(enduser.Query{After: -1}),
		"key that is not indexed":     list(enduser.Query{Filter: enduser.Filter{Metadata: enduser.Metadata{"x": enduser.Int(1)}}}),
		"value that is not UTF-8":     list(enduser.Query{Filter: enduser.Filter{Metadata: enduser.Metadata{"plan": enduser.String("\xff")}}}),
		"negative revision":           changes(-1, 0),
		"negative limit of changes":   changes(0, -1),
		"large limit of changes":      changes(0, 1001),
		"negative revision to trim":   acme.TrimChanges(ctx, -1),
		"deadline before 1970":        update(func(u *enduser.User) { u.ExpiresAt = time.Unix(-5, 0) }),
		"deadline after 9999":         update(func(u *enduser.User) { u.ExpiresAt = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"ID changed":                  update(func(u *enduser.User) { u.ID = "x" }),
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

// A policy that names a key twice means it once.
func TestIndexedMetadataNamedTwice(t *testing.T) {
	t.Parallel()
	acme := enduser.New(memory.New(), nil).Tenant("acme").With(enduser.Policy{IndexedMetadata: []string{"plan", "plan"}})
	if _, err := acme.Create(context.Background(), enduser.Spec{Metadata: enduser.Metadata{"plan": enduser.String("pro")}}); err != nil {
		t.Errorf("Create: %v", err)
	}
}

// Whatever a policy admits can be written, with the change note that goes with it.
func TestManyFieldsChangeAtOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	acme := enduser.New(memory.New(), nil).Tenant("acme").With(enduser.Policy{
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
	acme := enduser.New(memory.New(), nil).Tenant("acme")
	u, err := acme.Create(context.Background(), enduser.Spec{ExternalID: "crm-7", ExpiresIn: -time.Hour})
	if !errors.Is(err, enduser.ErrInvalid) {
		t.Errorf("Create: %v and a user that expires at %v, want ErrInvalid", err, u.ExpiresAt)
	}
}
