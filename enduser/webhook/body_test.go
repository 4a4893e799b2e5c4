package webhook

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

func TestBodies(t *testing.T) {
	user := enduser.User{
		ID: "u1", ExternalID: "crm-7", Tenant: "acme", Environment: enduser.Customer, Name: "Ada Lovelace",
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), UpdatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), Revision: 8,
	}
	group := enduser.Group{ID: "g1", ExternalID: "team-7", Tenant: "acme", Environment: enduser.Customer}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	const about = `"tenant_id":"acme","environment":"Customer","cursor":null`
	for _, test := range []struct {
		name   string
		format enduser.WebhookFormat
		event  enduser.Event
		want   string
	}{
		{
			"a user", enduser.FormatNative,
			enduser.Event{Type: "end_user.updated", Time: at, Kind: "user", ID: "u1", Revision: 7, Actor: "crm", Fields: []string{"name", "metadata.a\"b"}, User: &user},
			`{"type":"end_user.updated","timestamp":"2026-01-02T03:04:05.006Z","data":{"id":"u1","revision":7,"fields":["name","metadata.a\"b"],"actor":"crm",` +
				`"external_id":null,` + about + `,"user":` + string(userjson.Native(nil, &user)) + `}}`,
		},
		{
			"a user that is gone", enduser.FormatNative,
			enduser.Event{Type: "end_user.deleted", Time: at, Kind: "user", ID: "u1", Revision: 9, ExternalID: "crm-7"},
			`{"type":"end_user.deleted","timestamp":"2026-01-02T03:04:05.006Z","data":{"id":"u1","revision":9,"fields":[],"actor":null,"external_id":"crm-7",` + about + `,"user":null}}`,
		},
		{
			"a group", enduser.FormatNative,
			enduser.Event{Type: "group.created", Time: at, Kind: "group", ID: "g1", Revision: 9, Group: &group},
			`{"type":"group.created","timestamp":"2026-01-02T03:04:05.006Z","data":{"id":"g1","revision":9,"fields":[],"actor":null,"external_id":null,` + about +
				`,"group":` + string(userjson.Group(nil, &group)) + `}}`,
		},
		{
			"a group that is gone", enduser.FormatNative,
			enduser.Event{Type: "group.deleted", Time: at, Kind: "group", ID: "g1", Revision: 9},
			`{"type":"group.deleted","timestamp":"2026-01-02T03:04:05.006Z","data":{"id":"g1","revision":9,"fields":[],"actor":null,"external_id":null,` + about + `,"group":null}}`,
		},
		{
			"another webhook", enduser.FormatNative,
			enduser.Event{Type: "webhook.disabled", Time: at, Kind: "webhook", ID: "w2", Revision: 9},
			`{"type":"webhook.disabled","timestamp":"2026-01-02T03:04:05.006Z","data":{"id":"w2","revision":9,"fields":[],"actor":null,"external_id":null,` + about + `}}`,
		},
		{
			"a damaged entry", enduser.FormatNative,
			enduser.Event{Type: "end_user.updated", Kind: "user", ID: "u1", Revision: 9},
			`{"type":"end_user.updated","timestamp":null,"data":{"id":"u1","revision":9,"fields":[],"actor":null,"external_id":null,` + about + `,"user":null}}`,
		},
		{
			"a ping", enduser.FormatNative,
			enduser.Event{Type: enduser.EventPing, Time: at},
			`{"type":"webhook.ping","timestamp":"2026-01-02T03:04:05.006Z","data":{"id":"w1","revision":null,"fields":[],"actor":null,"external_id":null,` + about + `}}`,
		},
		{
			"a user, as Ada", enduser.FormatAda,
			enduser.Event{Type: "end_user.updated", Time: at.In(time.FixedZone("", 3600)), Kind: "user", ID: "u1", Revision: 7, Actor: "crm", Fields: []string{"name"}, User: &user},
			`{"type":"v1.end_user.updated","timestamp":"2026-01-02T03:04:05.006+00:00","data":` +
				`{"end_user_id":"u1","external_id":"crm-7","profile":{"first_name":null,"last_name":null,"display_name":"Ada Lovelace","avatar":null,"email":null,` +
				`"language":null,"metadata":{},"system_properties":{"sunshine_user_id":null}},"created_at":"2026-01-02T03:04:05+00:00","updated_at":"2026-01-02T03:04:05+00:00"}` +
				`,"tags":["u1"]}`,
		},
		{
			"a ping, as Ada", enduser.FormatAda,
			enduser.Event{Type: enduser.EventPing, Time: at},
			`{"type":"webhook.ping","timestamp":"2026-01-02T03:04:05.006+00:00","data":{},"tags":[]}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &enduser.Delivery{
				Webhook: enduser.Webhook{ID: "w1", Tenant: "acme", Environment: enduser.Customer, Format: test.format},
				Event:   test.event,
			}
			if got := string(bodyOf(d)); got != test.want || !json.Valid([]byte(got)) {
				t.Errorf("%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestDocumented: docs/webhooks.md shows the members that a body has, and every fault.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	got, want := members(t, example), members(t, string(bodyOf(delivery(""))))
	if !slices.Equal(got, want) || len(got) < 20 {
		t.Errorf("documented %q\nsent %q", got, want)
	}
	for _, fault := range []string{
		FaultTimeout, FaultInterrupted, FaultURL, FaultAddress, FaultHost, FaultConnect, FaultTLS, FaultAnswer, FaultSecret,
	} {
		if !strings.Contains(string(text), "| `"+fault+"` |") {
			t.Errorf("%q is not documented", fault)
		}
	}
	for _, event := range append(enduser.EventTypes(), enduser.EventPing) {
		if !strings.Contains(string(text), "`"+event+"`") {
			t.Errorf("%q is not documented", event)
		}
	}
}

// members returns the names of the members of an object and of those in it, but for metadata's.
func members(t *testing.T, text string) []string {
	t.Helper()
	var names []string
	var walk func(path string, v map[string]any)
	walk = func(path string, v map[string]any) {
		for name, value := range v {
			names = append(names, path+name)
			if object, ok := value.(map[string]any); ok && name != "metadata" {
				walk(path+name+".", object)
			}
		}
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	walk("", v)
	slices.Sort(names)
	return names
}
