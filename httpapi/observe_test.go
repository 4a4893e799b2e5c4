package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A middleware that writes a line for each request, without anything of the user.
func ExampleObserve() {
	h, err := httpapi.New(enduser.New(memory.New(nil), nil), newTokens().Authenticate, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	logged := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, info := httpapi.Observe(r.Context())
		h.ServeHTTP(w, r.WithContext(ctx))
		fmt.Printf("%s %s %s: %s by %s: %d\n", info.Family, r.Method, info.Route, info.Action.Name, info.Principal.Tenant, info.Status)
	})
	send(logged, "PUT", "/v1/end-users/by-external-id/crm-7", `{"email":"ann@example.com"}`)
	send(logged, "GET", "/v1/end-users/nobody", "")
	// Output:
	// native PUT /v1/end-users/by-external-id/{external_id}: upsertEndUser by acme: 201
	// PUT /v1/end-users/by-external-id/crm-7 201
	// native GET /v1/end-users/{id}: getEndUser by acme: 404
	// GET /v1/end-users/nobody 404
}

func TestObserve(t *testing.T) {
	t.Parallel()
	reader := httpapi.Principal{Tenant: "acme", Environment: enduser.Customer, Actor: "reader", ReadOnly: true}
	acme := httpapi.Principal{Tenant: "acme", Environment: enduser.Customer, Actor: "crm"}
	s := newServer(t, nil, &httpapi.Options{Rates: []httpapi.Rate{{Requests: 6, Per: time.Hour}}})
	var info *httpapi.RequestInfo
	seen := &server{users: s.users, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, outer := httpapi.Observe(r.Context())
		ctx, info = httpapi.Observe(ctx)
		if info != outer {
			t.Error("a second observer sees another info")
		}
		s.handler.ServeHTTP(w, r.WithContext(ctx))
	})}
	list, create := httpapi.Action{Name: "listEndUsers"}, httpapi.Action{Name: "createEndUser", Write: true}
	for _, test := range []struct {
		method, target, body, key string
		want                      httpapi.RequestInfo
	}{
		{"GET", "/v1/end-users?limit=1", "", apitest.Acme, httpapi.RequestInfo{Route: "/v1/end-users", Action: list, Principal: acme, Status: 200}},
		{"GET", "/v1/end-users", "", "nobody's key", httpapi.RequestInfo{Route: "/v1/end-users", Action: list, Status: 401, Code: "unauthorized"}},
		{"POST", "/v1/end-users", `{"name":1}`, apitest.Acme, httpapi.RequestInfo{Route: "/v1/end-users", Action: create, Principal: acme, Status: 400, Code: "invalid"}},
		{"POST", "/v1/end-users", `{}`, apitest.Reader, httpapi.RequestInfo{Route: "/v1/end-users", Action: create, Principal: reader, Status: 403, Code: "forbidden"}},
		{"GET", "/v1/nothing", "", apitest.Acme, httpapi.RequestInfo{Status: 404, Code: "not-found"}},
		{"PUT", "/v1/end-users", "", apitest.Acme, httpapi.RequestInfo{Status: 405, Code: "method-not-allowed"}},
		{"GET", "/healthz", "", "", httpapi.RequestInfo{Route: "/healthz", Status: 200}},
	} {
		seen.do(t, test.method, test.target, test.body, as(test.key)).want(t, test.want.Status)
		test.want.Family = "native"
		info.Principal.Credential = "" // a hash of the key
		if diff := cmp.Diff(test.want, *info); diff != "" {
			t.Errorf("%s %s: (-want +got)\n%s", test.method, test.target, diff)
		}
	}
	for info.Status != http.StatusTooManyRequests {
		seen.do(t, "GET", "/v1/changes", "")
	}
	if info.Code != "rate-limited" || info.Route != "/v1/changes" || info.Principal.Tenant != "acme" {
		t.Errorf("over the rate: %+v", *info)
	}
}

// TestObserveLong: an answer that is sent while it is made has a status, too.
func TestObserveLong(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	ids := ""
	for i := range 400 {
		if i > 0 {
			ids += ","
		}
		ids += fmt.Sprintf(`{"external_id":"%d"}`, i)
	}
	r := httptest.NewRequest(http.MethodPost, "/v1/end-users:get", nil)
	ctx, info := httpapi.Observe(r.Context())
	a := s.do(t, "POST", "/v1/end-users:get", `{"refs":[`+ids+`]}`, under(ctx)).want(t, 200)
	if len(a.Body) < 32<<10 || a.Header.Get("Content-Length") != "" {
		t.Errorf("the answer is not sent in parts: %d bytes", len(a.Body))
	}
	if info.Status != http.StatusOK || info.Code != "" {
		t.Errorf("%+v", *info)
	}
}
