package backend_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

func TestDuePlace(t *testing.T) {
	for _, p := range []backend.DuePlace{{}, {Due: 1, Number: 2}, {Due: math.MaxInt64, Number: math.MaxInt64}} {
		if got, err := backend.ParseDuePlace(p.String()); got != p || err != nil {
			t.Errorf("%s is read as %+v, %v", p, got, err)
		}
	}
	if p, err := backend.ParseDuePlace(""); p != (backend.DuePlace{}) || err != nil {
		t.Errorf("no place is read as %+v, %v", p, err)
	}
	for _, text := range []string{"1", "-", "1-", "-1", "x-1", "1-x", "1-2-3", "99999999999999999999-1"} {
		if p, err := backend.ParseDuePlace(text); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q is read as %+v, %v", text, p, err)
		}
	}
}

// reading is a database in memory: the due records of each tenant, "!" before a damaged one.
type reading map[string][]string

func (r reading) fill(q store.DueQuery, all []string, end string) (store.DuePage, error) {
	var page backend.DuePage
	return backend.FirstDueTenants(all, end, q.Limit).Fill(q, func(tenant string, share int) (backend.DuePart, error) {
		return r.part(&page, tenant, share), nil
	})
}

func (r reading) part(page *backend.DuePage, tenant string, share int) backend.DuePart {
	p := backend.DuePart{DueTenant: store.DueTenant{Tenant: tenant}}
	var last backend.DuePlace
	for i, id := range r[tenant] {
		room, empty := page.Room(&p)
		record := store.Record{ID: id, Data: make([]byte, store.MaxPageData/2)}
		if !page.Add(&p, &record, id[0] == '!', empty || len(record.Data) <= room, share, last) {
			break
		}
		last = backend.DuePlace{Due: 1, Number: int64(i + 1)}
	}
	page.Close(&p)
	return p
}

func TestFirstDueTenants(t *testing.T) {
	r := reading{"a": {"1"}, "b": {"2"}, "c": {"3"}}
	for _, test := range []struct {
		all        string
		end        string
		limit      int
		want, next string
	}{
		{"b a b a", "", 10, "a b", ""},
		{"c a b", "", 2, "a b", "b"},
		{"c a b", "b", 10, "a b", "b"},
		{"", "b", 10, "", "b"},
		{"", "", 10, "", ""},
	} {
		var page backend.DuePage
		found := backend.FirstDueTenants(strings.Fields(test.all), test.end, test.limit)
		got, err := found.Fill(store.DueQuery{Limit: test.limit}, func(tenant string, share int) (backend.DuePart, error) {
			return r.part(&page, tenant, share), nil
		})
		var names []string
		for _, t := range got.Tenants {
			names = append(names, t.Tenant)
		}
		if text := strings.Join(names, " "); text != test.want || got.Next != test.next || err != nil {
			t.Errorf("%+v: %q, next %q, %v", test, text, got.Next, err)
		}
	}
}

func TestDuePage(t *testing.T) {
	const none, a, b, c = "", "a", "b", "c"
	type part = map[string]string // the records of each tenant, and its Next
	for name, test := range map[string]struct {
		due   reading
		limit int
		all   []string
		end   string
		want  part
		next  string
	}{
		"all":              {reading{"a": {"1"}, "b": {"2"}}, 10, []string{b, a, b}, none, part{"a": "1", "b": "2"}, ""},
		"a limit":          {reading{"a": {"1"}, "b": {"2"}}, 1, []string{b, a}, none, part{"a": "1"}, "a"},
		"a share":          {reading{"a": {"1", "2"}, "b": {"3"}}, 2, []string{a, b}, none, part{"a": "1 1-1", "b": "3"}, ""},
		"nothing due":      {reading{"b": {"1"}}, 10, []string{a, b}, none, part{"b": "1"}, ""},
		"a search stopped": {reading{"a": {"1"}, "c": {"2"}}, 10, []string{c, a}, b, part{"a": "1"}, "b"},
		"damaged":          {reading{"a": {"!1", "2", "!3"}}, 1, []string{a}, none, part{"a": "!1 2 1-2"}, ""},
		"full":             {reading{"a": {"1", "2"}, "b": {"3"}, "c": {"4"}}, 10, []string{a, b, c}, none, part{"a": "1 2"}, "a"},
		"full at the last": {reading{"a": {"1", "2", "3"}}, 10, []string{a}, none, part{"a": "1 2 1-2"}, ""},
	} {
		page, err := test.due.fill(store.DueQuery{Limit: test.limit}, test.all, test.end)
		got := part{}
		for _, t := range page.Tenants {
			got[t.Tenant] = text(t)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || page.Next != test.next || err != nil {
			t.Errorf("%s: next %q, want %q, %v (-want +got):\n%s", name, page.Next, test.next, err, diff)
		}
	}
}

// text lists what is due in the order of the IDs, and where to go on.
func text(t store.DueTenant) (s string) {
	ids := append([]string(nil), t.Damaged...)
	for _, r := range t.Records {
		ids = append(ids, r.ID)
	}
	slices.SortFunc(ids, func(a, b string) int { return strings.Compare(strings.TrimPrefix(a, "!"), strings.TrimPrefix(b, "!")) })
	return strings.TrimSpace(strings.Join(append(ids, t.Next), " "))
}
