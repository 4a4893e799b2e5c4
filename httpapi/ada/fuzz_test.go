package ada

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/userjson"
	"github.com/rollbook-go/rollbook/store/memory"
)

// What a body asks for is refused or understood, and never a panic. What is refused
// is said in JSON of a bounded size; what is understood is kept and shown in JSON.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"profile":{}}`, `{"external_id":"CRM-7","profile":{"email":"ann@example.com","language":"de"}}`,
		`{"profile":{"metadata":{"a":9007199254740993,"b":null,"c'":[],"d":true}}}`,
		`{"profile":{"metadata":null,"sensitive_metadata":{"fields":{"a":"b","c":null,"d":1e3}}}}`,
		`{"profile":{"sensitive_metadata":null,"Email":1,"x":[[[]]]}}`, `{"profile":{"sensitive_metadata":{}}}`,
		`{"channel_id":"c","end_user_id":"0123456789abcdef01234567"}`, `[`, `{"external_id":"\ud800"}`, `{"profile":{"metadata":{"a":1e400}}}`,
	} {
		f.Add(body)
	}
	refused := func(t *testing.T, body string, err error) {
		t.Helper()
		p := rest.AsProblem(err)
		if p == nil || p.Status != 400 {
			t.Fatalf("%q: an error that nobody knows: %v", body, err)
		}
		for _, fault := range p.Errors {
			if !strings.HasPrefix(fault.Path.Name, "$") {
				t.Errorf("%q: %q is no JSON path", body, fault.Path.Name)
			}
		}
		text := appendProblem(nil, p)
		if !json.Valid(text) || len(text) > 50_000 {
			t.Errorf("%q: the answer is %s", body, text)
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		if in, err := readConversation(body); err != nil {
			refused(t, body, err)
		} else if in.channelID.Value == "" {
			t.Errorf("%q: no channel", body)
		}
		in, err := readUser(body)
		if err != nil {
			refused(t, body, err)
			return
		}
		patch, err := readUser(body)
		if err != nil {
			t.Fatalf("%q: %v the second time", body, err)
		}
		tenant := enduser.New(memory.New(nil), nil).Tenant("acme").With(Policy())
		spec := in.spec()
		spec.Sensitive = nil // there is no keyring
		if err := in.Err(); err != nil {
			refused(t, body, err)
		} else if u, _, err := tenant.Ensure(t.Context(), spec); err == nil {
			if text := userjson.Ada(nil, &u); !json.Valid(text) {
				t.Errorf("%q: shown as %s", body, text)
			}
		}
		if patch.Err() != nil {
			return
		}
		u, err := tenant.Create(t.Context(), enduser.Spec{Metadata: enduser.Metadata{"float": enduser.Float(0.5)}})
		if err != nil {
			t.Fatal(err)
		}
		patch.sensitive.Value = nil
		u, err = tenant.Update(t.Context(), enduser.ByID(u.ID), func(e *enduser.Edit) error {
			patch.change(e)
			return nil
		})
		if text := userjson.Ada(nil, &u); err == nil && !json.Valid(text) {
			t.Errorf("%q: shown as %s", body, text)
		}
	})
}
