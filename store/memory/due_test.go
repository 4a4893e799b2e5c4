package memory_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// describe is a page of Due in short.
func describe(page store.DuePage) []string {
	var out []string
	for _, t := range page.Tenants {
		line := t.Tenant + ":"
		for _, r := range t.Records {
			line += " " + r.ID
		}
		for _, id := range t.Damaged {
			line += " !" + id
		}
		if t.Next != "" {
			line += " …"
		}
		out = append(out, line)
	}
	if page.Next != "" {
		out = append(out, "after "+page.Next)
	}
	return out
}

// Damaged records use neither the share of their tenant nor that of others.
func TestDueShares(t *testing.T) {
	s := memory.New(nil)
	for _, tenant := range []string{"broken", "idle", "busy", "other", "plenty"} {
		for i := range 5 {
			r := store.Record{ID: strconv.Itoa(i), Kind: []string{"user", "group"}[i%2], Due: store.FromMillis(int64(i + 1))}
			if tenant == "idle" || tenant == "other" && i > 0 {
				r.Due = store.FromMillis(1000)
			}
			if _, err := s.Apply(t.Context(), tenant, store.Ops(store.Create(r, nil))); err != nil {
				t.Fatal(err)
			}
			if tenant == "broken" || tenant == "busy" && i == 1 {
				if err := (memory.Damager{Store: s}).Damage(t.Context(), tenant, r.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	broken := "broken: !0 !1 !2 !3 !4"
	tests := []struct {
		name  string
		query store.DueQuery
		want  []string
	}{
		{"all", store.DueQuery{}, []string{broken, "busy: 0 2 3 4 !1", "other: 0", "plenty: 0 1 2 3 4"}},
		{"two each", store.DueQuery{Limit: 6}, []string{broken, "busy: 0 2 !1 …", "other: 0", "plenty: 0 1 …"}},
		{"two tenants", store.DueQuery{Limit: 2}, []string{broken, "busy: 0 !1 …", "other: 0", "after other"}},
		{"the rest", store.DueQuery{After: "other"}, []string{"plenty: 0 1 2 3 4"}},
		{"nothing behind", store.DueQuery{After: "plenty"}, nil},
		{"one kind", store.DueQuery{Kinds: []string{"group"}, Limit: 2}, []string{"broken: !1 !3", "busy: 3 !1", "plenty: 1 …"}},
		{"one tenant", store.DueQuery{Tenant: "busy", Limit: 2}, []string{"busy: 0 2 !1 …"}},
		{"nobody", store.DueQuery{Tenant: "nobody"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.query.Before = store.FromMillis(100)
			page, err := s.Due(t.Context(), test.query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, describe(page)); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
		})
	}
}

// Large records end a page, inside a tenant or before the next, and both places are valid.
func TestDuePagesAreBoundedInBytes(t *testing.T) {
	s := memory.New(nil)
	const tenants, records = 3, 5
	for i := range tenants {
		for k := range records {
			r := store.Record{ID: strconv.Itoa(k), Kind: "user", Due: store.FromMillis(1), Data: make([]byte, 200_000+300_000*i)}
			if _, err := s.Apply(t.Context(), "tenant-"+strconv.Itoa(i), store.Ops(store.Create(r, nil))); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := map[string]bool{}
	read := func(q store.DueQuery) store.DuePage {
		t.Helper()
		q.Before = store.FromMillis(9)
		page, err := s.Due(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, due := range page.Tenants {
			for _, r := range due.Records {
				size += len(r.Data)
				at := due.Tenant + "/" + r.ID
				if got[at] {
					t.Errorf("%s twice", at)
				}
				got[at] = true
			}
		}
		if size > store.MaxPageData || size == 0 {
			t.Fatalf("a page of %d bytes", size)
		}
		return page
	}
	for q := (store.DueQuery{}); ; {
		page := read(q)
		for _, due := range page.Tenants {
			for from := due.Next; from != ""; {
				from = read(store.DueQuery{Tenant: due.Tenant, From: from}).Tenants[0].Next
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if len(got) != tenants*records {
		t.Errorf("%d records, want %d", len(got), tenants*records)
	}
}

func TestFalsePlacesAreRefused(t *testing.T) {
	s := memory.New(nil)
	for _, from := range []string{"x", "1", "1.", ".1", "0.1", "1.0", "-1.1", "01.1", "1.1.1", "99999999999999999999.1"} {
		_, err := s.Due(t.Context(), store.DueQuery{Before: store.FromMillis(9), Tenant: "acme", From: from})
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("from %q: %v, want ErrInvalid", from, err)
		}
	}
}

// A tenant with nothing due counts as work: the page ends and says where to go on.
func TestDueLooksAtFewTenants(t *testing.T) {
	s := memory.New(nil)
	const tenants = store.DefaultBudget + 1
	for i := range tenants {
		r := store.Record{ID: "r", Kind: "user"}
		if i == tenants-1 {
			r.Due = store.FromMillis(1)
		}
		if _, err := s.Apply(t.Context(), fmt.Sprintf("tenant-%05d", i), store.Ops(store.Create(r, nil))); err != nil {
			t.Fatal(err)
		}
	}
	q := store.DueQuery{Before: store.FromMillis(9)}
	page, err := s.Due(t.Context(), q)
	if want := []string{fmt.Sprintf("after tenant-%05d", tenants-2)}; err != nil || !cmp.Equal(want, describe(page)) {
		t.Fatalf("page %v, error %v, want %v", describe(page), err, want)
	}
	q.After = page.Next
	page, err = s.Due(t.Context(), q)
	if want := []string{fmt.Sprintf("tenant-%05d: r", tenants-1)}; err != nil || !cmp.Equal(want, describe(page)) {
		t.Errorf("page %v, error %v, want %v", describe(page), err, want)
	}
}
