package userjson_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

func full() enduser.User {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	return enduser.User{
		ID: "u1", ExternalID: `crm"7`, Tenant: "acme", Environment: enduser.Testing, Name: "Ada Lovelace", FirstName: "Ada", LastName: "Lovelace",
		Email: "ada@example.com", Avatar: "https://example.com/a.png", Language: "en",
		Metadata:         enduser.Metadata{"plan": enduser.String("pro"), "seats": enduser.Int(3), "trial": enduser.Bool(true), "tax": enduser.Float(0.5)},
		SystemProperties: enduser.Metadata{"mapping": enduser.String("m")},
		Accounts:         []enduser.Account{{Type: "discord", ID: "8035"}}, Groups: []string{"team-7"}, CreatedBy: "crm", UpdatedBy: "import",
		CreatedAt: at, UpdatedAt: at.Add(time.Hour), AddedAt: at, ExpiresAt: at.Add(24 * time.Hour), Revision: 7,
	}
}

func TestUsers(t *testing.T) {
	user := full()
	for _, test := range []struct {
		name   string
		append func([]byte, *enduser.User) []byte
		user   enduser.User
		want   string
	}{
		{
			"native", userjson.Native,
			user,
			`{"id":"u1","external_id":"crm\"7","tenant_id":"acme","environment":"Testing","name":"Ada Lovelace","first_name":"Ada","last_name":"Lovelace",` +
				`"email":"ada@example.com","avatar":"https://example.com/a.png","language":"en",` +
				`"metadata":{"plan":"pro","seats":3,"tax":0.5,"trial":true},"linked_accounts":[{"type":"discord","id":"8035"}],"groups":["team-7"],` +
				`"system_properties":{"mapping":"m"},"created_by":"crm","updated_by":"import","created_at":"2026-01-02T03:04:05.006Z",` +
				`"updated_at":"2026-01-02T04:04:05.006Z","added_at":"2026-01-02T03:04:05.006Z","expires_at":"2026-01-03T03:04:05.006Z",` +
				`"revision":7,"version":"` + user.Version.String() + `"}`,
		},
		{
			"native, empty", userjson.Native,
			enduser.User{ID: "u1"},
			`{"id":"u1","external_id":null,"tenant_id":"","environment":"","name":null,"first_name":null,"last_name":null,"email":null,"avatar":null,` +
				`"language":null,"metadata":{},"linked_accounts":[],"groups":[],"system_properties":{},"created_by":null,"updated_by":null,` +
				`"created_at":null,"updated_at":null,"added_at":null,"expires_at":null,"revision":0,"version":"` + user.Version.String() + `"}`,
		},
		{
			"Ada", userjson.Ada,
			user,
			`{"end_user_id":"u1","external_id":"crm\"7","profile":{"first_name":"Ada","last_name":"Lovelace","display_name":"Ada Lovelace",` +
				`"avatar":"https://example.com/a.png","email":"ada@example.com","language":"en","metadata":{"plan":"pro","seats":3,"trial":true},` +
				`"system_properties":{"mapping":"m","sunshine_user_id":null}},"created_at":"2026-01-02T03:04:05+00:00","updated_at":"2026-01-02T04:04:05+00:00"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := string(test.append(nil, &test.user)); got != test.want || !json.Valid([]byte(got)) {
				t.Errorf("%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestGroup(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	g := enduser.Group{
		ID: "g1", ExternalID: "team-7", Number: 9, Tenant: "acme", Environment: enduser.Customer, Name: "Seven",
		Metadata: enduser.Metadata{"plan": enduser.String("pro")}, CreatedBy: "crm", CreatedAt: at, UpdatedAt: at, AddedAt: at, Revision: 7,
	}
	want := `{"id":"g1","external_id":"team-7","number":9,"tenant_id":"acme","environment":"Customer","name":"Seven","metadata":{"plan":"pro"},` +
		`"system_properties":{},"created_by":"crm","updated_by":null,"created_at":"2026-01-02T03:04:05.006Z","updated_at":"2026-01-02T03:04:05.006Z",` +
		`"added_at":"2026-01-02T03:04:05.006Z","revision":7,"version":"` + g.Version.String() + `"}`
	if got := string(userjson.Group(nil, &g)); got != want || !json.Valid([]byte(got)) {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
