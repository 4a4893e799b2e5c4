// Package vendortest plays the vendors for tests: their list routes, over users of its own, with
// pages, refusals for a while and connections that break.
package vendortest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Token is the token that the vendors and the handlers of [Family] accept, for the tenant acme.
const Token = "the-token-of-the-vendor"

// Vendor plays a vendor, over that vendor's family of routes, by HTTP or as the transport of a
// client.
type Vendor struct {
	Format vendors.Format
	Users  *enduser.Manager // of the vendor

	// Spoil is up to which request three of five are refused or broken, each in another way.
	Spoil int

	// On is called before a request is answered, with its number from 1. It may change the query.
	On func(r *http.Request, n int)

	routes http.Handler
	mu     sync.Mutex
	asked  []string
}

// New returns a vendor with n users or groups.
func New(tb testing.TB, f vendors.Format, n int) *Vendor {
	tb.Helper()
	v := &Vendor{Format: f, Users: Users(tb)}
	v.routes = Family(tb, f, v.Users)
	acme := v.Users.Tenant("acme").With(f.Policy()).As("a-client")
	if f == vendors.Explo {
		v.routes = v.customers(v.routes)
		for i := range n {
			if _, _, err := acme.Groups().Create(tb.Context(), group(i)); err != nil {
				tb.Fatal(err)
			}
		}
		return v
	}
	specs := func(yield func(enduser.Spec) bool) {
		for i := range n {
			if !yield(spec(f, i)) {
				return
			}
		}
	}
	for result, err := range acme.UpsertAll(tb.Context(), specs, nil) {
		if err != nil {
			tb.Fatal(result.Row, err)
		}
	}
	return v
}

// Users returns a registry that can seal tokens.
func Users(tb testing.TB) *enduser.Manager {
	tb.Helper()
	key, err := enduser.NewKey("test", [32]byte{1})
	if err != nil {
		tb.Fatal(err)
	}
	return enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(key)})
}

func group(i int) enduser.GroupSpec {
	s := enduser.GroupSpec{
		ExternalID: fmt.Sprintf("customer_%04d", i), Name: fmt.Sprintf("Customer %d", i),
		Metadata: enduser.Metadata{"filterValue": enduser.Int(int64(i))}, SystemProperties: make(enduser.Metadata),
	}
	if i%3 == 0 {
		s.SystemProperties["mapping"], _ = enduser.JSON(`{"40":"213"}`)
		s.SystemProperties["demo"] = enduser.Bool(true)
	}
	return s
}

// spec returns a user as clients of the vendor make them.
func spec(f vendors.Format, i int) enduser.Spec {
	s := enduser.Spec{ExternalID: fmt.Sprintf("CRM-%d", i), Name: fmt.Sprintf("User %d", i)}
	if f == vendors.Ada {
		s.FirstName, s.LastName, s.Email, s.Language = "Ada", "Lovelace", fmt.Sprintf("ada%d@example.com", i), "pt-BR"
		s.Avatar = "https://example.com/ada.png"
		s.Metadata = enduser.Metadata{"plan": enduser.String("enterprise"), "seats": enduser.Int(int64(i)), "beta": enduser.Bool(true)}
		s.SystemProperties = enduser.Metadata{"sunshine_user_id": enduser.String("5f7e")}
	}
	if f == vendors.Sensay {
		s.Email = fmt.Sprintf("user%d@example.com", i)
		s.Accounts = []enduser.Account{{Type: "discord", ID: strconv.Itoa(i)}}
	}
	return s
}

// customers adds the list of Explo's Customer API to the routes of its user groups.
func (v *Vendor) customers(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("GET /v2/api/customers/", func(w http.ResponseWriter, r *http.Request) {
		page, err := strconv.Atoi(r.URL.Query().Get("page"))
		size, wrong := strconv.Atoi(r.URL.Query().Get("page_size"))
		switch {
		case r.Header.Get("Explo-Authorization") != "Token "+Token:
			w.WriteHeader(http.StatusUnauthorized)
			return
		case err != nil || wrong != nil || page < 1 || size > 1000:
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		var items []string
		n := 0
		groups := v.Users.Tenant("acme").Groups()
		for g, err := range groups.All(r.Context()) {
			if n++; err != nil || n <= (page-1)*size || n > page*size {
				continue
			}
			token, err := groups.Reveal(r.Context(), g)
			if err != nil {
				continue
			}
			items = append(items, customer(&g, token))
		}
		if len(items) == 0 && page > 1 {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprintf(w, `{"total_count":%d,"results":{"customers":[%s]}}`, n, strings.Join(items, ","))
	})
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

// Asked returns the paths of all requests so far, with their queries.
func (v *Vendor) Asked() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.asked)
}

// ServeHTTP answers as the vendor does. It aborts the handler to break a connection.
func (v *Vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	v.asked = append(v.asked, r.URL.RequestURI())
	n := len(v.asked)
	v.mu.Unlock()
	if v.On != nil {
		v.On(r, n)
	}
	if n > v.Spoil {
		v.routes.ServeHTTP(w, r)
		return
	}
	switch n % 5 {
	case 1:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case 3: // a connection breaks before the answer
		panic(http.ErrAbortHandler) //nolint:forbidigo // as net/http wants it
	case 0: // or in the middle of it
		whole := httptest.NewRecorder()
		v.routes.ServeHTTP(whole, r)
		w.WriteHeader(whole.Code)
		_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) //nolint:forbidigo // as net/http wants it
	default:
		v.routes.ServeHTTP(w, r)
	}
}

// RoundTrip implements http.RoundTripper, without a network.
func (v *Vendor) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	asked := r.Clone(r.Context())
	asked.RequestURI, asked.Host = r.URL.RequestURI(), r.URL.Host
	broken := func() (broken bool) {
		defer func() { broken = recover() != nil }()
		v.ServeHTTP(w, asked)
		return false
	}()
	if broken && w.Body.Len() == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	answer = w.Result()
	answer.Request = r
	if broken {
		answer.Body = io.NopCloser(io.MultiReader(w.Body, cut{}))
	}
	return answer, nil
}

// cut is the end of a connection that breaks.
type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
