package enduser_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

const canary = "canary"

// canaryUser has a canary wherever a user has personal data.
func canaryUser() enduser.User {
	return enduser.User{
		ID: "0123", Tenant: "acme", Environment: enduser.Customer, Revision: 7,
		ExternalID: canary + "-1", Name: canary + "-2", FirstName: canary + "-3", LastName: canary + "-4",
		Email: canary + "@example.com", Avatar: "https://" + canary + ".example.com", Language: "x-" + canary,
		Metadata:         enduser.Metadata{canary: enduser.String(canary)},
		SystemProperties: enduser.Metadata{canary: enduser.String(canary)},
		Accounts:         []enduser.Account{{Type: canary, ID: canary}}, Groups: []string{canary},
		CreatedBy: canary, UpdatedBy: canary,
	}
}

// logged returns what a log of each kind shows of a value.
func logged(v any) string {
	var b bytes.Buffer
	opts := &slog.HandlerOptions{Level: slog.LevelDebug}
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, opts), slog.NewJSONHandler(&b, opts)} {
		log := slog.New(h)
		log.Info("message", "v", v)
		log.With("v", v).WithGroup("g").Debug("message", slog.Group("h", slog.Any("v", v)))
	}
	return b.String()
}

func TestLogsShowNoPersonalData(t *testing.T) {
	t.Parallel()
	u := canaryUser()
	for name, v := range map[string]any{
		"user":              u,
		"pointer to a user": &u,
		"external ID":       enduser.ByExternalID(canary),
		"e-mail address":    enduser.ByEmail(canary + "@example.com"),
		"account":           enduser.ByAccount(enduser.Account{Type: canary, ID: canary}),
		"no reference":      enduser.Ref{},
	} {
		if text := logged(v); strings.Contains(text, canary) {
			t.Errorf("%s: the log shows personal data:\n%s", name, text)
		}
	}
	// What is left says which user it is.
	if text := logged(u); strings.Count(text, "0123") != 6 {
		t.Errorf("the log of a user lacks its ID:\n%s", text)
	}
	for _, row := range []struct {
		ref  enduser.Ref
		want string
	}{
		{enduser.ByID("0123"), "id"},
		{enduser.ByExternalID(canary), "external_id"},
		{enduser.ByEmail(canary), "email"},
		{enduser.ByAccount(enduser.Account{Type: canary, ID: canary}), "linked_account"},
		{enduser.Ref{}, "ref"},
	} {
		if got := row.ref.LogValue().String(); got != row.want {
			t.Errorf("LogValue = %q, want %q", got, row.want)
		}
	}
}

// showsNothing checks that prints under every verb, logs and JSON of a value show none
// of some texts, in any spelling.
func showsNothing(t *testing.T, what string, v any, hidden ...string) {
	t.Helper()
	b := []byte(logged(v))
	for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
		for _, flag := range []string{"", "+", "#", "-", " ", "0", "80", ".80", "+#"} {
			b = fmt.Appendf(b, "%"+flag+string(verb)+"\n", v)
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	b = append(b, text...)
	for _, h := range hidden {
		for how, spelling := range spellings(h) {
			if bytes.Contains(b, []byte(spelling)) {
				t.Errorf("%s shows %q, %s:\n%s", what, h, how, b)
			}
		}
	}
}

// checkError checks that an error, and the errors that it wraps, show none of some texts.
func checkError(t *testing.T, what string, err error, hidden ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		showsNothing(t, what, e, hidden...)
	}
}

// onlyTenant returns the name under which a store knows its only tenant.
func onlyTenant(t *testing.T, st store.Store) string {
	t.Helper()
	page, err := st.Tenants(context.Background(), store.TenantQuery{Limit: 2})
	if err != nil || len(page.Names) != 1 {
		t.Fatalf("tenants %q, %v", page.Names, err)
	}
	return page.Names[0]
}

// Every violation and every conflict, with a canary in each value.
func TestErrorsShowNoPersonalData(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	st := memory.New(nil)
	m := enduser.New(st, nil)
	plain := m.Tenant(canary + "-tenant").As(canary + "-actor")
	unique := plain.With(enduser.Policy{UniqueEmail: true, AccountTypes: []string{"t"}})
	spec := enduser.Spec{
		ExternalID: canary, Name: canary, Email: canary + "@example.com",
		Metadata: enduser.Metadata{"k": enduser.String(canary)}, Accounts: []enduser.Account{{Type: "t", ID: canary}},
	}
	must(unique.Create(ctx, spec))(t)
	create := func(h enduser.Tenant, s enduser.Spec) error {
		_, err := h.Create(ctx, s)
		return err
	}
	conflict := func(what, field string, err error) {
		t.Helper()
		detail, ok := errors.AsType[*enduser.ConflictError](err)
		if !ok || !errors.Is(err, enduser.ErrConflict) || detail.Field != field || detail.HolderID == "" {
			t.Errorf("%s: %v, want a conflict of %s", what, err, field)
		}
		checkError(t, what, err, canary)
	}
	conflict("external ID", "external_id", create(plain, enduser.Spec{ExternalID: strings.ToUpper(canary[:1]) + canary[1:]}))
	conflict("account", "linked_accounts", create(plain, enduser.Spec{Accounts: spec.Accounts}))
	conflict("claimed address", "email", create(unique, enduser.Spec{Email: strings.ToUpper(spec.Email[:3]) + spec.Email[3:]}))
	ok(t, create(plain, enduser.Spec{Email: canary + "@b.c"}))
	conflict("address that is not claimed", "email", create(unique, enduser.Spec{Email: canary + "@b.c"}))
	ok(t, create(plain, enduser.Spec{Email: canary + "@b.c"}))

	invalid := func(what string, s enduser.Spec) {
		t.Helper()
		err := create(unique, s)
		if !errors.Is(err, enduser.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", what, err)
		}
		checkError(t, what, err, canary)
	}
	for _, tail := range []string{"\n", "\xff", " ", "\u202e", "\ufb01", "<", "@@", strings.Repeat("x", 20<<10)} {
		v := canary + tail
		what := fmt.Sprintf("%.4q", tail)
		if tail != " " {
			if !strings.ContainsAny(tail, "\u202e\ufb01<@") {
				invalid("name "+what, enduser.Spec{Name: v, FirstName: v, LastName: v})
				invalid("metadata key "+what, enduser.Spec{Metadata: enduser.Metadata{v: enduser.Int(1)}})
				invalid("account "+what, enduser.Spec{Accounts: []enduser.Account{{Type: "t", ID: v}}})
				invalid("group "+what, enduser.Spec{Groups: []string{v}})
			}
			invalid("avatar "+what, enduser.Spec{Avatar: v})
			invalid("e-mail "+what, enduser.Spec{Email: v})
		}
		if tail != "@@" {
			invalid("external ID "+what, enduser.Spec{ExternalID: v})
		}
		invalid("language "+what, enduser.Spec{Language: v})
		invalid("account type "+what, enduser.Spec{Accounts: []enduser.Account{{Type: v, ID: "1"}}})
	}
	invalid("metadata value", enduser.Spec{Metadata: enduser.Metadata{"k": enduser.String(canary + "\xff")}})
	invalid("duplicates", enduser.Spec{Groups: []string{canary, canary}, Accounts: []enduser.Account{{Type: canary, ID: "1"}}})

	get := func(h enduser.Tenant, ref enduser.Ref) error {
		_, err := h.Get(ctx, ref)
		return err
	}
	for what, err := range map[string]error{
		"unknown ID":          get(plain, enduser.ByID(canary)),
		"unknown external ID": get(plain, enduser.ByExternalID(canary+"-x")),
		"unknown address":     get(plain, enduser.ByEmail(canary+"@x.y")),
		"unknown account":     get(plain, enduser.ByAccount(enduser.Account{Type: canary, ID: canary})),
		"ambiguous address":   get(plain, enduser.ByEmail(canary+"@b.c")),
		"broken reference":    get(plain, enduser.ByExternalID(canary+"\xff")),
		"long reference":      get(plain, enduser.ByID(strings.Repeat(canary, 100))),
		"tenant":              get(m.Tenant(canary+"\n"), enduser.ByID("x")),
		"environment":         get(plain.In(canary), enduser.ByID("x")),
		"actor":               get(plain.As(canary+"\n"), enduser.ByID("x")),
	} {
		checkError(t, what, err, canary)
	}
	_, err := plain.List(ctx, enduser.Query{Filter: enduser.Filter{
		ExternalID: canary + "\xff", Email: canary + "\xff", Name: canary + "\n", Group: canary + "\n",
		Account: enduser.Account{Type: canary}, Metadata: enduser.Metadata{canary: enduser.String(canary)},
	}})
	checkError(t, "filter", err, canary)
	_, err = enduser.JSON(`{"` + canary + `":"` + canary + `\ud800"}`)
	checkError(t, "JSON", err, canary)
	_, err = plain.Update(ctx, enduser.ByExternalID(canary), func(u *enduser.Edit) error {
		u.ID, u.Tenant, u.Environment, u.CreatedBy, u.UpdatedBy = canary, canary, canary, canary, canary
		return nil
	})
	checkError(t, "read only", err, canary)

	// A record that cannot be read.
	name := onlyTenant(t, st)
	r, err := st.Get(ctx, name, store.Key{Kind: "external_id.1", Value: strings.ToUpper(canary)})
	if err != nil {
		t.Fatal(err)
	}
	broken := r
	broken.Data = []byte(`{"r":1,"w":1,"name":"canary","canary":"canary`)
	must(st.Apply(ctx, name, store.Ops(store.Replace(r, broken, []byte(`{"canary`)))))(t)
	err = get(plain, enduser.ByExternalID(canary))
	if !errors.Is(err, enduser.ErrCorrupt) {
		t.Errorf("a broken record: %v", err)
	}
	checkError(t, "broken record", err, canary)
	page, err := plain.Changes(ctx, enduser.ChangeQuery{Desc: true})
	if err != nil || page.Changes[0].Type != enduser.ChangeUnreadable {
		t.Errorf("a broken note: %v %+v", err, page.Changes)
	}
}
