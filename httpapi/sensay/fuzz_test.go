package sensay_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// FuzzBody: a body makes a user that can be read and acted as, or both routes refuse it and
// nothing is written.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"id":"johndoe"}`, `{"id":"me"}`, `{"id":null}`, `{"name":"Ann O'Lee (Dr.)","email":" Ann@Example.com "}`,
		`{"linkedAccounts":[{"accountID":"1","accountType":"embed"},{"accountID":"1","accountType":"embed"}]}`,
		`{"linkedAccounts":[{"accountID":"\u0000","x":[]}],"name":7}`, `{"id":"\ud83d\ude00","id":1}`, `[`, ``,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newServer(t, nil, httpapi.Options{})
		a := s.post(t, body)
		if a.Status != http.StatusOK {
			a.want(t, http.StatusBadRequest)
			s.create(t, `{"id":"a"}`) // which has no other spelling but A
			if put := s.put(t, as("a"), body); put.Status == http.StatusOK {
				t.Errorf("PUT takes %q, which POST refused: %s", body, put.Body)
			}
			if n := len(apitest.StateOf(t, s.acme()).Changes); n != 1 {
				t.Errorf("%q was refused and made %d changes", body, n-1)
			}
			return
		}
		u := a.user(t)
		got := s.me(t, as(u.ID)).want(t, http.StatusOK)
		if diff := cmp.Diff(a.Body, got.Body); diff != "" {
			t.Errorf("%q is read back otherwise:\n%s", body, diff)
		}
	})
}
