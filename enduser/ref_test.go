package enduser_test

import (
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestGetByEveryRef(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		want := must(w.acme.Create(ctx, everything()))(t)
		must(w.acme.Create(ctx, enduser.Spec{ExternalID: "other", Email: "other@example.com"}))(t)
		for name, ref := range map[string]enduser.Ref{
			"ID":                          enduser.ByID("u1"),
			"external ID":                 enduser.ByExternalID("Crm-7"),
			"external ID in another case": enduser.ByExternalID("CRM-7"),
			"e-mail":                      enduser.ByEmail("Ann@Example.com"),
			"e-mail in another case":      enduser.ByEmail("ANN@EXAMPLE.COM"),
			"e-mail with space":           enduser.ByEmail(" ann@example.com "),
			"first account":               enduser.ByAccount(enduser.Account{Type: "discord", ID: "8035"}),
			"second account":              enduser.ByAccount(enduser.Account{Type: "slack", ID: "U1"}),
		} {
			diff(t, name, must(w.acme.Get(ctx, ref))(t), want)
		}
		for name, ref := range map[string]enduser.Ref{
			"ID in another case":      enduser.ByID("U1"),
			"external ID":             enduser.ByExternalID("crm-77"),
			"ID as external ID":       enduser.ByExternalID("u1"),
			"external ID as ID":       enduser.ByID("Crm-7"),
			"e-mail":                  enduser.ByEmail("example.com"),
			"account in another case": enduser.ByAccount(enduser.Account{Type: "Discord", ID: "8035"}),
			"account of another type": enduser.ByAccount(enduser.Account{Type: "slack", ID: "8035"}),
			"account cut elsewhere":   enduser.ByAccount(enduser.Account{Type: "slackU", ID: "1"}),
		} {
			_, err := w.acme.Get(ctx, ref)
			wantErr(t, name, err, enduser.ErrNotFound)
		}
	})
}

// What no user can have names nobody: it is refused with the field that is wrong,
// or not found, in the same way by every method and every store.
func TestRefsThatNameNobody(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		long := strings.Repeat("x", 1025)
		for name, c := range map[string]struct {
			ref  enduser.Ref
			want string
		}{
			"no ref":            {enduser.Ref{}, "ref required"},
			"no ID":             {enduser.ByID(""), "id required"},
			"no external ID":    {enduser.ByExternalID(""), "external_id required"},
			"no e-mail":         {enduser.ByEmail(""), "email required"},
			"no account":        {enduser.ByAccount(enduser.Account{Type: "", ID: ""}), "linked_account required"},
			"no account type":   {enduser.ByAccount(enduser.Account{Type: "", ID: "1"}), "linked_account required"},
			"no account ID":     {enduser.ByAccount(enduser.Account{Type: "slack", ID: ""}), "linked_account required"},
			"long ID":           {enduser.ByID(long), "id too_long"},
			"long external ID":  {enduser.ByExternalID(long), "external_id too_long"},
			"long e-mail":       {enduser.ByEmail(long), "email too_long"},
			"long account":      {enduser.ByAccount(enduser.Account{Type: long, ID: "1"}), "linked_account too_long"},
			"ID not UTF-8":      {enduser.ByID("a\xff"), "id invalid_utf8"},
			"external ID":       {enduser.ByExternalID("a\xff"), "external_id invalid_utf8"},
			"NUL in an account": {enduser.ByAccount(enduser.Account{Type: "slack", ID: "\x00"}), "linked_account invalid_characters"},
		} {
			_, err := w.acme.Get(t.Context(), c.ref)
			wantInvalid(t, "get: "+name, err, c.want)
			_, err = w.acme.Update(t.Context(), c.ref, func(*enduser.Edit) error { return nil })
			wantInvalid(t, "update: "+name, err, c.want)
			wantInvalid(t, "delete: "+name, w.acme.Delete(t.Context(), c.ref), c.want)
		}
	})
}

// References just within what is looked at are not found, or refused as every
// ErrInvalid is: with an InvalidError.
func TestLongRefs(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		for name, ref := range map[string]enduser.Ref{
			"ID":              enduser.ByID(strings.Repeat("x", 1024)),
			"external ID":     enduser.ByExternalID(strings.Repeat("x", 1024)),
			"keys that grow":  enduser.ByExternalID(strings.Repeat("\u0390", 512)),
			"e-mail":          enduser.ByEmail(strings.Repeat("x", 1024)),
			"account":         enduser.ByAccount(enduser.Account{Type: strings.Repeat("x", 1024), ID: strings.Repeat("y", 1024)}),
			"account, type":   enduser.ByAccount(enduser.Account{Type: strings.Repeat("x", 1024), ID: "y"}),
			"hostile account": enduser.ByAccount(enduser.Account{Type: "}{", ID: "'; --"}),
		} {
			_, err := w.acme.Get(t.Context(), ref)
			sentinel(t, "get "+name, err)
		}
		for name, f := range map[string]enduser.Filter{
			"account": {Account: enduser.Account{Type: strings.Repeat("x", 1024), ID: strings.Repeat("y", 1024)}},
			"e-mail":  {Email: strings.Repeat("\u0390", 512)},
			"name":    {Name: strings.Repeat("\u0390", 512)},
			"group":   {Group: strings.Repeat("\U0001F600", 256)},
		} {
			page, err := w.acme.List(t.Context(), enduser.Query{Filter: f})
			if len(page.Users) > 0 {
				t.Errorf("list %s: %v", name, page.Users)
			}
			if err != nil {
				sentinel(t, "list "+name, err)
			}
		}
	})
}

// TestLongestNamesFind: what was accepted finds its user and group in the spelling in
// which it was given, however long that is.
func TestLongestNamesFind(t *testing.T) {
	acme := newWorld(memory.New(nil)).acme.With(enduser.Policy{MaxExternalID: 255})
	long := strings.Repeat("e\u0301", 255) // 765 bytes; its key has 510
	account := enduser.Account{Type: strings.Repeat("𝔱", 255), ID: strings.Repeat("𝔦", 256)}
	u := must(acme.Create(t.Context(), enduser.Spec{ExternalID: long, Accounts: []enduser.Account{account}}))(t)
	for _, ref := range []enduser.Ref{enduser.ByExternalID(long), enduser.ByAccount(account)} {
		if got, err := acme.Get(t.Context(), ref); err != nil || got.ID != u.ID {
			t.Errorf("by %v: %v, %v", ref, got, err)
		}
	}
	page, err := acme.List(t.Context(), enduser.Query{Filter: enduser.Filter{ExternalID: long, Account: account}})
	if err != nil || len(page.Users) != 1 {
		t.Errorf("list: %v, %v", page.Users, err)
	}
	g := made(acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: long}))(t)
	if got, err := acme.Groups().Get(t.Context(), enduser.GroupByExternalID(long)); err != nil || got.ID != g.ID {
		t.Errorf("group: %v, %v", got, err)
	}
	wide := strings.Repeat("\U0001F600", 255) // 1,020 bytes
	g = made(acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: wide}))(t)
	if got, err := acme.Groups().Get(t.Context(), enduser.GroupByExternalID(wide)); err != nil || got.ID != g.ID {
		t.Errorf("group: %v, %v", got, err)
	}
	member := must(acme.Create(t.Context(), enduser.Spec{Groups: []string{wide}}))(t)
	if page, err := acme.List(t.Context(), enduser.Query{Filter: enduser.Filter{Group: wide}}); err != nil || len(page.Users) != 1 || page.Users[0].ID != member.ID {
		t.Errorf("members: %v, %v", page.Users, err)
	}
	for _, ref := range []enduser.Ref{
		enduser.ByExternalID(strings.Repeat("x", 513)), enduser.ByExternalID(strings.Repeat("e\u0301", 300)),
		enduser.ByEmail(strings.Repeat("x", 1018)), enduser.ByAccount(enduser.Account{Type: "x", ID: strings.Repeat("x", 1025)}), enduser.ByID(strings.Repeat("x", 257)),
	} {
		_, err := acme.Get(t.Context(), ref)
		wantErr(t, "longer by "+ref.String(), err, enduser.ErrInvalid)
	}
}
