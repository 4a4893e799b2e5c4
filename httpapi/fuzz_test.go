package httpapi

import (
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// What a body asks for is refused or understood, and never a panic.
func FuzzReadUser(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"external_id":"crm-7","metadata":{"a":{"b":null}},"linked_accounts":[{"type":"x","id":"y"}]}`,
		`{"groups":["g",1]}`, `{"expires_in":1e3,"provisional":true}`, `{"name":null}`, `[`, `{"id":"\ud800"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		in, err := readUser(body)
		if err != nil {
			return
		}
		if _, err := in.spec(); err != nil && len(in.Wrong) == 0 && explain(err) == nil {
			t.Errorf("%q: an error that nobody knows: %v", body, err)
		}
		patch, err := readUser(body)
		if err != nil {
			t.Fatalf("%q: %v the second time", body, err)
		}
		if err := patch.patch(&enduser.User{}); err != nil && explain(err) == nil {
			t.Errorf("%q: an error that nobody knows: %v", body, err)
		}
	})
}

// No text but one that was made for the list is a cursor of it.
func FuzzCursor(f *testing.F) {
	s := rest.NewScope("end-users", "acme", "")
	f.Add(s.Encode(1))
	f.Add(s.Encode(1 << 60))
	f.Add(rest.NewScope("end-users", "other", "").Encode(1))
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		place, err := s.Decode(cursor)
		if err == nil && s.Encode(place) != cursor {
			t.Errorf("%q is taken for %q", cursor, s.Encode(place))
		}
	})
}
