package archive_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/archive"
	"github.com/rollbook-go/rollbook/enduser"
)

// The format, to the byte. A change of it is a new version.
func TestFormat(t *testing.T) {
	w, ctx := inMemory(t), t.Context()
	acme := w.Tenant("acme").As("crm")
	_, err := acme.Create(ctx, enduser.Spec{
		ExternalID: "crm\"7", Name: "Ada", FirstName: "A", LastName: "L", Email: "ada@example.com", Avatar: "https://example.com/a", Language: "en",
		Metadata: enduser.Metadata{"b": enduser.Int(2), "a": enduser.Int(1)}, SystemProperties: enduser.Metadata{"s": enduser.Bool(true)},
		Accounts: []enduser.Account{{Type: "discord", ID: "8035"}}, Groups: []string{"team-7"}, ExpiresIn: time.Hour,
		Sensitive: map[string]enduser.Secret{"ssn": enduser.NewSecret(enduser.Int(1)), "pin": enduser.NewSecret(enduser.Int(2))},
	})
	must(t, err)
	w.Advance(1500 * time.Millisecond)
	_, err = acme.As("ann").Update(ctx, enduser.ByEmail("ada@example.com"), func(e *enduser.Edit) error { e.Name = "Ada L"; return nil })
	must(t, err)
	_, err = w.Tenant("acme").Create(ctx, enduser.Spec{Name: "Bob"})
	must(t, err)
	g, _, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7", Name: "Seven", Metadata: enduser.Metadata{"k": enduser.Int(1)}})
	must(t, err)
	_, _, err = acme.Webhooks().Create(ctx, enduser.WebhookSpec{
		URL: "https://example.com/hook?a=1&b=2", Description: "All", Events: []string{"group.*"}, Format: enduser.FormatAda,
		Headers: map[string]enduser.Secret{"X-Api-Key": enduser.NewSecret(enduser.String("k"))}, Disabled: true,
	})
	must(t, err)
	for _, other := range []enduser.Tenant{acme.WithExactIDs(true), acme.In(enduser.Testing).WithExactIDs(true), acme.In(enduser.Testing)} {
		_, err = other.Create(ctx, enduser.Spec{Name: "Eve"})
		must(t, err)
	}
	const at, later = `"2026-05-04T03:02:01.000Z"`, `"2026-05-04T03:02:02.500Z"`
	id := func(n int) string { return fmt.Sprintf(`"id":"%024x"`, n) }
	eve := `,"name":"Eve","created_at":` + later + `,"created_by":"crm","updated_at":` + later + `,"updated_by":"crm"}`
	want := []string{
		`{"type":"archive","version":1}`,
		`{"type":"group","tenant":"acme",` + id(3) + `,"external_id":"team-7","number":` + fmt.Sprint(g.Number) + `,"name":"Seven","metadata":{"k":1},"token":"SEALED",` +
			`"created_at":` + later + `,"created_by":"crm","updated_at":` + later + `,"updated_by":"crm"}`,
		`{"type":"user","tenant":"acme",` + id(1) + `,"external_id":"crm\"7","name":"Ada L","first_name":"A","last_name":"L","email":"ada@example.com",` +
			`"avatar":"https://example.com/a","language":"en","metadata":{"a":1,"b":2},"system_properties":{"s":true},"linked_accounts":[{"type":"discord","id":"8035"}],"groups":["team-7"],` +
			`"created_at":` + at + `,"created_by":"crm","updated_at":` + later + `,"updated_by":"ann","expires_at":"2026-05-04T04:02:01.000Z"}`,
		`{"type":"user","tenant":"acme",` + id(2) + `,"name":"Bob","created_at":` + later + `,"updated_at":` + later + `}`,
		`{"type":"sensitive","tenant":"acme","user":"000000000000000000000001","values":[{"key":"pin","until":"2026-05-05T03:02:01.000Z","sealed":"SEALED"},` +
			`{"key":"ssn","until":"2026-05-05T03:02:01.000Z","sealed":"SEALED"}]}`,
		`{"type":"webhook","tenant":"acme",` + id(4) + `,"url":"https://example.com/hook?a=1&b=2","description":"All","events":["group.*"],"format":"ada","header_names":["X-Api-Key"],"disabled":true,` +
			`"created_at":` + later + `,"created_by":"crm","updated_at":` + later + `,"updated_by":"crm"}`,
		`{"type":"user","tenant":"acme","exact_ids":true,` + id(5) + eve,
		`{"type":"user","tenant":"acme","environment":"Testing",` + id(7) + eve,
		`{"type":"user","tenant":"acme","environment":"Testing","exact_ids":true,` + id(6) + eve,
		`{"type":"end","groups":1,"users":5,"sensitive":1,"webhooks":1,"skipped":0}`, "",
	}
	sealed := regexp.MustCompile(`("token"|"sealed"):"[A-Za-z0-9+/]{40,}=*"`)
	for _, tenant := range []string{"", "acme"} {
		text := w.export(t, &archive.ExportOptions{Tenant: tenant, Sealed: true})
		if diff := cmp.Diff(want, strings.Split(sealed.ReplaceAllString(text, `$1:"SEALED"`), "\n")); diff != "" {
			t.Errorf("tenant %q (-want +got): %s", tenant, diff)
		}
	}
}
