package vendors_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
	"github.com/rollbook-go/rollbook/store/memory"
)

const secret = "the-token-of-the-vendor"

// newUsers returns a Manager that can seal tokens.
func newUsers(t testing.TB) *enduser.Manager {
	t.Helper()
	key, err := enduser.NewKey("test", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	return enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(key)})
}

// family returns the routes of a vendor's family.
func family(t testing.TB, f vendors.Format, users *enduser.Manager) http.Handler {
	t.Helper()
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{secret: {Tenant: "acme"}})
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler
	switch f {
	case vendors.Ada:
		h, err = ada.New(users, tokens.Authenticate, &ada.Options{Options: httpapi.Options{Rates: []httpapi.Rate{}}})
	case vendors.Explo:
		h, err = explo.New(users, tokens.Authenticate, nil)
	case vendors.MagickMind:
		h, err = magickmind.New(users, tokens.Authenticate, nil)
	case vendors.Sensay:
		h, err = sensay.New(users, tokens.Authenticate, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// player plays a vendor over its family of routes, on users that are its own: it has pages,
// refuses some requests for a while, and breaks some connections. Each request that it spoils
// comes again.
type player struct {
	routes http.Handler
	spoil  bool

	mu    sync.Mutex
	asked []string // paths, with queries, of all requests
}

// vendor returns a player with n users or groups.
func vendor(t testing.TB, f vendors.Format, n int) (*player, *enduser.Manager) {
	t.Helper()
	users := newUsers(t)
	acme := users.Tenant("acme").With(f.Policy()).As("a-client")
	if f == vendors.Explo {
		for i := range n {
			spec := enduser.GroupSpec{
				ExternalID: fmt.Sprintf("customer_%04d", i), Name: fmt.Sprintf("Customer %d", i),
				Metadata: enduser.Metadata{"filterValue": enduser.Int(int64(i))},
			}
			if i%3 == 0 {
				spec.SystemProperties = metadata(t, `{"mapping":{"40":"213"},"demo":true}`)
			}
			if _, _, err := acme.Groups().Create(t.Context(), spec); err != nil {
				t.Fatal(err)
			}
		}
		return &player{routes: customers(users, family(t, f, users))}, users
	}
	specs := func(yield func(enduser.Spec) bool) {
		for i := range n {
			if !yield(spec(t, f, i)) {
				return
			}
		}
	}
	for result, err := range acme.UpsertAll(t.Context(), specs, nil) {
		if err != nil {
			t.Fatal(result.Row, err)
		}
	}
	return &player{routes: family(t, f, users)}, users
}

// spec returns a user as clients of the vendor make them.
func spec(t testing.TB, f vendors.Format, i int) enduser.Spec {
	t.Helper()
	s := enduser.Spec{ExternalID: fmt.Sprintf("CRM-%d", i), Name: fmt.Sprintf("User %d", i)}
	if f == vendors.Ada {
		s.FirstName, s.LastName, s.Email, s.Language = "Ada", "Lovelace", fmt.Sprintf("ada%d@example.com", i), "pt-BR"
		s.Avatar = "https://example.com/ada.png"
		s.Metadata = metadata(t, fmt.Sprintf(`{"plan":"enterprise","seats":%d,"beta":true}`, i))
		s.SystemProperties = metadata(t, `{"sunshine_user_id":"5f7e"}`)
	}
	if f == vendors.Sensay {
		s.Email = fmt.Sprintf("user%d@example.com", i)
		s.Accounts = []enduser.Account{{Type: "discord", ID: strconv.Itoa(i)}}
	}
	return s
}

// customers adds the list of Explo's Customer API to the routes of its user groups.
func customers(users *enduser.Manager, next http.Handler) http.Handler {
	list := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Explo-Authorization") != "Token "+secret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		page, err := strconv.Atoi(r.URL.Query().Get("page"))
		size, wrong := strconv.Atoi(r.URL.Query().Get("page_size"))
		if err != nil || wrong != nil || page < 1 || size > 1000 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		var items []string
		n := 0
		for g, err := range users.Tenant("acme").Groups().All(r.Context()) {
			if err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			if n++; n > (page-1)*size && n <= page*size {
				token, err := users.Tenant("acme").Groups().Reveal(r.Context(), g)
				if err != nil {
					w.WriteHeader(http.StatusInternalServerError)
					return
				}
				items = append(items, customer(&g, token))
			}
		}
		if len(items) == 0 && page > 1 {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"total_count":%d,"results":{"customers":[%s]}}`, n, strings.Join(items, ","))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/api/customers/", list)
	mux.Handle("/", next)
	return mux
}

// customer returns a group as the Customer API shows it.
func customer(g *enduser.Group, token string) string {
	mapping := "{}"
	if m, ok := g.SystemProperties["mapping"]; ok {
		mapping = m.Text()
	}
	_, demo := g.SystemProperties["demo"]
	return fmt.Sprintf(`{"token":%q,"name":%q,"provided_id":%q,"is_demo_group":%t,"emails":[],"group_tags":[],"properties":%s,`+
		`"computed_properties":{},"access_group":"Production","parent_schema_datasource_mapping":%s,"hierarchy_level":"Customer"}`,
		token, g.Name, g.ExternalID, demo, g.Metadata.AppendJSON(nil), mapping)
}

// RoundTrip answers a request as the vendor does.
func (p *player) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.asked = append(p.asked, r.URL.RequestURI())
	n := len(p.asked)
	p.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	switch {
	case p.spoil && n%5 == 1:
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	case p.spoil && n%5 == 3:
		return nil, io.ErrUnexpectedEOF // a connection breaks before the answer
	default:
		r = r.Clone(r.Context())
		r.RequestURI, r.Host = r.URL.RequestURI(), r.URL.Host
		p.routes.ServeHTTP(w, r)
	}
	answer := w.Result()
	answer.Request = r
	if p.spoil && n%5 == 0 { // or in the middle of it
		text := w.Body.Bytes()
		answer.Body = io.NopCloser(io.MultiReader(bytes.NewReader(text[:len(text)/2]), broken{}))
	}
	return answer, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// api returns the flags for a player of a vendor.
func (p *player) api(f vendors.Format) *vendors.API {
	address := "https://vendor.example"
	if f == vendors.Ada {
		address += "/api"
	}
	return &vendors.API{APIURL: address, APIToken: secret, Client: &http.Client{Transport: p}}
}
