package httpapi_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestPolicyOf: a tenant's own policy holds for that tenant alone, and what it leaves zero is
// as Policy says.
func TestPolicyOf(t *testing.T) {
	t.Parallel()
	of := func(tenant string) enduser.Policy {
		if tenant == "acme" {
			return enduser.Policy{MaxName: 3}
		}
		return enduser.Policy{}
	}
	s := newServer(t, nil, &httpapi.Options{Policy: enduser.Policy{MaxName: 5, MaxExternalID: 4}, PolicyOf: of})
	for _, tt := range []struct {
		key, body string
		status    int
	}{
		{apitest.Acme, `{"name":"Ann"}`, 201},
		{apitest.Acme, `{"name":"Anna"}`, 400},
		{apitest.Acme, `{"external_id":"12345"}`, 400},
		{apitest.Other, `{"name":"Annab"}`, 201},
		{apitest.Other, `{"name":"Annabe"}`, 400},
		{apitest.Other, `{"external_id":"12345"}`, 400},
	} {
		s.do(t, "POST", "/v1/end-users", tt.body, as(tt.key)).want(t, tt.status)
	}
}
