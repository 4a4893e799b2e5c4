package enduser_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// The name that is shown is the one that is found.
func TestDisplayName(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		for want, s := range map[string]enduser.Spec{
			"Ada Lovelace": {FirstName: "Ada", LastName: "Lovelace"}, "Grace": {FirstName: "Grace"}, "Hopper": {LastName: "Hopper"},
			"Countess": {Name: "Countess", FirstName: "Augusta", LastName: "King"}, "": {},
		} {
			u := must(w.acme.Create(ctx, s))(t)
			if got := u.DisplayName(); got != want {
				t.Errorf("%+v is shown as %q, want %q", s, got, want)
			}
			if want == "" {
				continue
			}
			diff(t, want, ids(must(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{Name: strings.ToUpper(want)}}))(t).Users), []string{u.ID})
		}
		for _, hidden := range []string{"Augusta", "King"} {
			diff(t, hidden, len(must(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{Name: hidden}}))(t).Users), 0)
		}
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "x", FirstName: "Jean"}))(t)
		u = must(w.acme.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error { e.FirstName, e.LastName = "John", "Doe"; return nil }))(t)
		for name, n := range map[string]int{"Jean": 0, "doe john": 1} {
			diff(t, name, len(must(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{Name: name, ExternalID: "x"}}))(t).Users), n)
			diff(t, name, len(must(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{Name: name}}))(t).Users), n)
		}
	})
}

// TestFiltersThatNobodyMatches: a query that nobody can match under any policy is invalid,
// for every call that takes one.
func TestFiltersThatNobodyMatches(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	seven := enduser.Metadata{}
	for i := range 7 {
		key := fmt.Sprint("k", i)
		w.schema.IndexedMetadata = append(w.schema.IndexedMetadata, key)
		seven[key] = enduser.Int(1)
	}
	people(t, w.acme, 2)
	cursor := must(w.acme.List(ctx, enduser.Query{Limit: 1}))(t).Next
	for name, c := range map[string]struct {
		filter enduser.Filter
		want   string
	}{
		"no address":           {enduser.Filter{Email: "not-an-address"}, "email invalid_format"},
		"a long address":       {enduser.Filter{Email: strings.Repeat("a", 251) + "@b.c"}, "email too_long"},
		"an address with NUL":  {enduser.Filter{Email: "a\x00"}, "email invalid_characters"},
		"an external ID":       {enduser.Filter{ExternalID: "a<b"}, "external_id invalid_characters"},
		"one with a space":     {enduser.Filter{ExternalID: "a "}, "external_id surrounding_space"},
		"a long one":           {enduser.Filter{ExternalID: strings.Repeat("a", 256)}, "external_id too_long"},
		"an invisible one":     {enduser.Filter{ExternalID: "a\u200b"}, "external_id invalid_characters"},
		"one not UTF-8":        {enduser.Filter{ExternalID: "\xff"}, "external_id invalid_utf8"},
		"a name without words": {enduser.Filter{Name: "+"}, "name invalid_value"},
		"a blank name":         {enduser.Filter{Name: " "}, "name invalid_value"},
		"a name of nine words": {enduser.Filter{Name: "a b c d e f g h i"}, "name invalid_value"},
		"a name not UTF-8":     {enduser.Filter{Name: "\xff"}, "name invalid_value"},
		"no account type":      {enduser.Filter{Account: enduser.Account{ID: "1"}}, "account_type required"},
		"no account ID":        {enduser.Filter{Account: enduser.Account{Type: "1"}}, "account_id required"},
		"a long account type":  {enduser.Filter{Account: enduser.Account{Type: strings.Repeat("t", 256), ID: "1"}}, "account_type too_long"},
		"a group":              {enduser.Filter{Group: "a "}, "group surrounding_space"},
		"another group":        {enduser.Filter{Group: "<a"}, "group invalid_characters"},
		"a long group":         {enduser.Filter{Group: strings.Repeat("x", 257)}, "group too_long"},
		"null":                 {enduser.Filter{Metadata: enduser.Metadata{"k0": enduser.Null}}, "metadata.k0 invalid_value"},
		"a value not UTF-8":    {enduser.Filter{Metadata: enduser.Metadata{"k0": enduser.String("\xff")}}, "metadata.k0 invalid_utf8"},
		"what is not indexed":  {enduser.Filter{Metadata: enduser.Metadata{"tier": enduser.Int(1)}}, "metadata invalid_value"},
		"seven keys":           {enduser.Filter{Metadata: seven}, "metadata too_many"},
	} {
		wantInvalid(t, name, second(w.acme.List(ctx, enduser.Query{Filter: c.filter})), c.want)
		wantInvalid(t, name+": count", second(w.acme.Count(ctx, enduser.Query{Filter: c.filter})), c.want)
		n := 0
		for _, err := range w.acme.All(ctx, c.filter) {
			n++
			wantInvalid(t, name+": all", err, c.want)
		}
		if n != 1 {
			t.Errorf("%s: All yields %d errors, want one", name, n)
		}
	}
	for want, q := range map[string]enduser.Query{
		"limit invalid_value":  {Limit: 501},
		"cursor invalid_value": {Limit: 1, After: cursor, Before: cursor},
	} {
		wantInvalid(t, want, second(w.acme.List(ctx, q)), want)
	}
	wantInvalid(t, "negative limit", second(w.acme.List(ctx, enduser.Query{Limit: -1})), "limit invalid_value")
	w.schema.NoNameIndex = true
	wantInvalid(t, "no index of names", second(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{Name: "ann"}})), "name invalid_value")
	wantInvalid(t, "no index of names: count", second(w.acme.Count(ctx, enduser.Query{Filter: enduser.Filter{Name: "ann"}})), "name invalid_value")
}

// Metadata is found by value and by text, on every backend, by lists, counts and beside
// what is unique.
func TestMetadataFilters(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		w.schema = enduser.Schema{IndexedMetadata: []string{"v"}}
		value := func(text string) enduser.Value { return must(enduser.JSON(text))(t) }
		texts := []string{"5", "5.0", `"5"`, `"5.0"`, `"1.10"`, "1.1", "true", `"true"`, `{"a":1,"b":2.0}`, `{"b":2,"a":1}`, `"12345"`, "12345"}
		users := make(map[string]string)
		for i, text := range texts {
			u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: fmt.Sprint("crm-", i), Metadata: enduser.Metadata{"v": value(text)}}))(t)
			users[u.ID] = text
		}
		for _, c := range []struct {
			filter enduser.Value
			want   []string
		}{
			{enduser.Int(5), []string{"5", "5.0", `"5"`}},
			{enduser.Float(5), []string{"5", "5.0", `"5"`}},
			{value("5.00"), []string{"5", "5.0", `"5"`}},
			{enduser.String("5"), []string{"5", "5.0", `"5"`}},
			{enduser.String("5.0"), []string{"5.0", `"5.0"`}},
			{enduser.String("1.10"), []string{`"1.10"`}},
			{enduser.String("1.1"), []string{"1.1"}},
			{enduser.Bool(true), []string{"true", `"true"`}},
			{value(`{"b":2,"a":1.0}`), []string{`{"a":1,"b":2.0}`, `{"b":2,"a":1}`}},
			{enduser.String("12345"), []string{`"12345"`, "12345"}},
			{enduser.String("x"), nil},
		} {
			f := enduser.Filter{Metadata: enduser.Metadata{"v": c.filter}}
			var got []string
			for _, u := range must(w.acme.List(ctx, enduser.Query{Filter: f}))(t).Users {
				got = append(got, users[u.ID])
			}
			diff(t, c.filter.Text(), got, c.want)
			diff(t, c.filter.Text()+": count", must(w.acme.Count(ctx, enduser.Query{Filter: f}))(t), enduser.Count{N: len(c.want), Exact: true})
			for i, text := range texts {
				f.ExternalID = fmt.Sprint("crm-", i)
				n := len(must(w.acme.List(ctx, enduser.Query{Filter: f}))(t).Users)
				if (n == 1) != slices.Contains(c.want, text) {
					t.Errorf("%s finds %s: %d", c.filter.Text(), text, n)
				}
			}
		}
	})
}
