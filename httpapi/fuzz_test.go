package httpapi

import (
	"net/http"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
)

// Every body is accepted or refused, and none is a panic.
func FuzzReadUser(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"external_id":"crm-7","metadata":{"a":{"b":null}},"linked_accounts":[{"type":"x","id":"y"}]}`,
		`{"groups":["g",1]}`, `{"expires_in":1e3,"provisional":true}`, `{"name":null}`, `[`, `{"id":"\ud800"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		in, err := readUser(body, false)
		if err != nil {
			return
		}
		if _, err := in.spec(); err != nil && len(in.Wrong) == 0 && explain(err) == nil {
			t.Errorf("%q: an error that nobody knows: %v", body, err)
		}
		patch, err := readUser(body, true)
		if err != nil {
			t.Fatalf("%q: %v the second time", body, err)
		}
		if err := patch.patch(&enduser.Edit{}); err != nil && explain(err) == nil {
			t.Errorf("%q: an error that nobody knows: %v", body, err)
		}
	})
}

// The same for bodies of groups and of sensitive values, none of which may be in an error.
func FuzzReadGroup(f *testing.F) {
	for _, body := range []string{
		`{"external_id":"team-7","metadata":{"a":{"b":null}}}`, `{"metadata":null}`,
		`{"current_token":"x","overlap_seconds":60}`, `{"a":"b","c":1,"d":null,"e":[]}`, `{"a b":"c"}`, `[`, `{"":""}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		group, err := readGroup(body, false)
		if err == nil {
			_, err = group.spec()
		}
		if err != nil && explain(err) == nil {
			t.Errorf("%q: an error that nobody knows: %v", body, err)
		}
		if patch, err := readGroup(body, true); err == nil && len(patch.Wrong) == 0 {
			if err := patch.patch(&enduser.Group{}); err != nil && explain(err) == nil {
				t.Errorf("%q: an error that nobody knows: %v", body, err)
			}
		}
		if in, err := readRotation(body); err == nil {
			if err := in.check(); err == nil && in.overlap.Value > 30*24*60*60 {
				t.Errorf("%q: an overlap of %d", body, in.overlap.Value)
			}
		}
		in, err := readSensitive(body)
		if err != nil {
			if p := explain(err); p == nil || p.Status != http.StatusBadRequest {
				t.Errorf("%q: an error that nobody knows: %v", body, err)
			}
			return
		}
		for name := range in.values {
			if !isSensitiveKey(name) {
				t.Errorf("%q: %q is taken for a key", body, name)
			}
		}
	})
}
