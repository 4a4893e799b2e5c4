package vendors_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/enduser"
)

// read returns all rows of a text, and the error behind them.
func read(t *testing.T, f vendors.Format, text, after string) ([]vendors.Row, error) {
	t.Helper()
	s, err := vendors.File(f, strings.NewReader(text), after)
	if err != nil {
		t.Fatal(err)
	}
	var rows []vendors.Row
	for row := range s.Rows(t.Context()) {
		rows = append(rows, row)
	}
	return rows, s.Err()
}

// one returns the only row of a text.
func one(t *testing.T, f vendors.Format, text string) vendors.Row {
	t.Helper()
	rows, err := read(t, f, text, "")
	if err != nil || len(rows) != 1 {
		t.Fatalf("%s: %d rows, error %v; want one row", text, len(rows), err)
	}
	return rows[0]
}

func at(year int, month time.Month, day, hour, minute, second int) time.Time {
	return time.Date(year, month, day, hour, minute, second, 0, time.UTC)
}

func metadata(t testing.TB, text string) enduser.Metadata {
	t.Helper()
	m, err := enduser.ParseMetadata(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestUsers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		format vendors.Format
		text   string
		want   enduser.Import
	}{
		{
			"Ada", vendors.Ada, `{"end_user_id":"5f7e0e2c1e7c7e000f0f9c3a","external_id":"crm-7","profile":{"first_name":"Ada",
			"last_name":"Lovelace","display_name":"Ada L.","avatar":"https://example.com/a.png","email":"ada@example.com",
			"language":"en-US","metadata":{"a":"x","b":true,"c":123},"system_properties":{"sunshine_user_id":"5f"}},
			"created_at":"2020-09-20T01:02:03+00:00","updated_at":"2023-12-08T19:06:04.890000","new":{"member":[1]}}`,
			enduser.Import{
				ID: "5f7e0e2c1e7c7e000f0f9c3a", CreatedAt: at(2020, 9, 20, 1, 2, 3),
				UpdatedAt: at(2023, 12, 8, 19, 6, 4).Add(890 * time.Millisecond),
				Spec: enduser.Spec{
					ExternalID: "crm-7", FirstName: "Ada", LastName: "Lovelace", Name: "Ada L.",
					Avatar: "https://example.com/a.png", Email: "ada@example.com", Language: "en-US",
					Metadata: metadata(t, `{"a":"x","b":true,"c":123}`), SystemProperties: metadata(t, `{"sunshine_user_id":"5f"}`),
				},
			},
		},
		{
			"Ada, nothing set", vendors.Ada, `{"end_user_id":"5f","external_id":null,"profile":{"first_name":null,"metadata":null},"created_at":null}`,
			enduser.Import{ID: "5f"},
		},
		{
			"Ada, what a client sent", vendors.Ada, `{"external_id":"crm-7","profile":null}`,
			enduser.Import{Spec: enduser.Spec{ExternalID: "crm-7"}},
		},
		{
			"MagickMind", vendors.MagickMind, `{"id":"6979e85f6c264301cea8ee2e","name":"Roy Bosco","external_id":"","tenant_id":"69",
			"created_by":"692406db9b2e89397665b156","updated_by":"someone","created_at":"2026-01-28T10:43:43Z","updated_at":"2026-01-28T13:52:09Z"}`,
			enduser.Import{
				ID: "6979e85f6c264301cea8ee2e", CreatedAt: at(2026, 1, 28, 10, 43, 43), CreatedBy: "692406db9b2e89397665b156",
				UpdatedAt: at(2026, 1, 28, 13, 52, 9), UpdatedBy: "someone", Spec: enduser.Spec{Name: "Roy Bosco"},
			},
		},
		{
			"MagickMind, actors null", vendors.MagickMind, `{"id":"eu-123","external_id":"ext-123","created_by":null}`,
			enduser.Import{ID: "eu-123", Spec: enduser.Spec{ExternalID: "ext-123"}},
		},
		{
			"Sensay", vendors.Sensay, `{"success":true,"name":"John Doe","email":"user@example.com","id":"johndoe",
			"linkedAccounts":[{"accountID":"8035","accountType":"discord"},{"accountType":"embed","accountID":"x"}]}`,
			enduser.Import{Spec: enduser.Spec{
				ExternalID: "johndoe", Name: "John Doe", Email: "user@example.com",
				Accounts: []enduser.Account{{Type: "discord", ID: "8035"}, {Type: "embed", ID: "x"}},
			}},
		},
		{
			"Sensay, an ID alone", vendors.Sensay, `{"id":"12345678-1234-1234-1234-123456789abc","linkedAccounts":[]}`,
			enduser.Import{Spec: enduser.Spec{ExternalID: "12345678-1234-1234-1234-123456789abc"}},
		},
	} {
		// Over many lines, as an array, and on one line.
		for _, text := range []string{tt.text, "[" + tt.text + "]", strings.ReplaceAll(tt.text, "\n", "")} {
			row := one(t, tt.format, text)
			if row.Err != nil || row.User == nil || row.Group != nil {
				t.Errorf("%s: error %v, user %v, group %v", tt.name, row.Err, row.User, row.Group)
				continue
			}
			if diff := cmp.Diff(tt.want, *row.User, cmpopts.EquateEmpty(), cmp.Comparer(sameValue), cmp.Comparer(sameSecret)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tt.name, diff)
			}
			if strings.Contains(row.Text, "\n") {
				t.Errorf("%s: the text of the row has more than one line", tt.name)
			}
		}
	}
}

func sameValue(a, b enduser.Value) bool { return a == b }

// sameSecret compares what a test can see of secrets.
func sameSecret(a, b enduser.Secret) bool { return a.IsNull() == b.IsNull() }

func TestGroups(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		env        enduser.Environment
		want       enduser.GroupImport
	}{
		{
			"a user group", `{"team_id":3,"token":"customer-token-of-32-characters-","name":"Example 1","provided_id":"example_1","is_demo_group":true,
			"api_environment_tag":"Testing","properties":{"filterValue":"value"},"mapping":{"40":"213","7":null}}`, enduser.Testing,
			enduser.GroupImport{Number: 3, Token: enduser.NewSecret(enduser.String("customer-token-of-32-characters-")), GroupSpec: enduser.GroupSpec{
				ExternalID: "example_1", Name: "Example 1",
				Metadata:         metadata(t, `{"filterValue":"value"}`),
				SystemProperties: metadata(t, `{"mapping":{"40":"213"},"demo":true}`),
			}},
		},
		{
			"a customer", `{"token":"","name":"Example 1","provided_id":"example_1","is_demo_group":false,
			"emails":["user@example.com"],"group_tags":["sales"],"properties":{"a":1},"computed_properties":{"b":2},"access_group":"Production",
			"parent_schema_datasource_mapping":{"40":"213"},"computed_parent_schema_datasource_mapping":{"9":"9"},"hierarchy_level":"Customer"}`, "",
			enduser.GroupImport{GroupSpec: enduser.GroupSpec{
				ExternalID: "example_1", Name: "Example 1", Metadata: metadata(t, `{"a":1}`),
				SystemProperties: metadata(t, `{"mapping":{"40":"213"},"emails":["user@example.com"],"group_tags":["sales"],
					"access_group":"Production","hierarchy_level":"Customer"}`),
			}},
		},
		{
			"what a client sent", `{"user_group_id":"example_1","name":null,"emails":[],"api_environment_tag":null,"mapping":null}`, "",
			enduser.GroupImport{GroupSpec: enduser.GroupSpec{ExternalID: "example_1"}},
		},
	} {
		row := one(t, vendors.Explo, tt.text)
		if row.Err != nil || row.Group == nil || row.User != nil || row.Environment != tt.env || row.ID != "example_1" {
			t.Errorf("%s: %+v", tt.name, row)
			continue
		}
		if diff := cmp.Diff(tt.want, *row.Group, cmpopts.EquateEmpty(), cmp.Comparer(sameValue), cmp.Comparer(sameSecret)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
	}
}

// A row that is wrong has an error without what is in it, and leaves its text.
func TestWrongRows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format     vendors.Format
		text, want string
	}{
		{vendors.Ada, `{"profile":{"email":"hugo@example.com"}}`, "not a row of this vendor: it has no end_user_id and no external_id"},
		{vendors.Ada, `{"end_user_id":7}`, "end_user_id: at byte 15: another JSON type was expected"},
		{vendors.Ada, `{"end_user_id":"5f","profile":"hugo"}`, "profile: at byte 30: another JSON type was expected"},
		{vendors.Ada, `{"end_user_id":"5f","profile":{"email":["hugo"]}}`, "profile: email: at byte 39: another JSON type was expected"},
		{vendors.Ada, `{"end_user_id":"5f","profile":{"metadata":"hugo"}}`, "profile: metadata: at byte 42: another JSON type was expected"},
		{vendors.Ada, `{"end_user_id":"5f","created_at":"hugo"}`, "created_at: not a row of this vendor: not a time of RFC 3339"},
		{vendors.Ada, `{"end_user_id":"5f","end_user_id":"6f"}`, "at byte 20: a member name occurs twice"},
		{vendors.Ada, `{"end_user_id":"5f"} hugo`, "at byte 21: not valid JSON"},
		{vendors.Ada, `{"end_user_id":"\ud800"}`, "end_user_id: at byte 22: not valid UTF-8"},
		{vendors.Ada, `"hugo"`, "at byte 0: another JSON type was expected"},
		{vendors.MagickMind, `{"name":"hugo"}`, "not a row of this vendor: it has no id and no external_id"},
		{vendors.Sensay, `{"id":"","name":"hugo"}`, "not a row of this vendor: it has no id"},
		{vendors.Sensay, `{"id":"a","linkedAccounts":[{"accountID":8035}]}`, "linkedAccounts: accountID: at byte 41: another JSON type was expected"},
		{vendors.Explo, `{"name":"hugo"}`, "not a row of this vendor: it has no provided_id"},
		{vendors.Explo, `{"provided_id":"a","team_id":1.5}`, "team_id: at byte 29: a number is out of range"},
		{vendors.Explo, `{"provided_id":"a","api_environment_tag":"hugo"}`, "api_environment_tag: not a row of this vendor: neither Customer nor Testing"},
	} {
		row := one(t, tt.format, tt.text)
		if row.Err == nil || row.Err.Error() != tt.want || row.User != nil || row.Group != nil || row.Text != tt.text {
			t.Errorf("%s: error %q, want %q; row %+v", tt.text, row.Err, tt.want, row)
		}
	}
}

// An interrupted source says so.
func TestEndOfTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := vendors.File(vendors.Sensay, strings.NewReader(`{"id":"a"}`+"\n"+`{"id":"b"}`), "")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range s.Rows(ctx) {
		n++
		cancel()
	}
	if n != 1 || !errors.Is(s.Err(), context.Canceled) {
		t.Errorf("%d rows, error %v; want one row and that the context ended", n, s.Err())
	}
}
