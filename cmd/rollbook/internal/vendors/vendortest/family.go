package vendortest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
)

// Family returns the routes of a vendor's family, without limits of rate.
func Family(tb testing.TB, f vendors.Format, users *enduser.Manager) http.Handler {
	tb.Helper()
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{Token: {Tenant: "acme"}})
	if err != nil {
		tb.Fatal(err)
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
		tb.Fatal(err)
	}
	return h
}

// IDs returns the IDs by which the vendor's clients know all that it has.
func IDs(tb testing.TB, f vendors.Format, users *enduser.Manager) (all []string) {
	tb.Helper()
	acme := users.Tenant("acme")
	if f == vendors.Explo {
		for g, err := range acme.Groups().All(tb.Context()) {
			if err != nil {
				tb.Fatal(err)
			}
			all = append(all, g.ExternalID)
		}
		return all
	}
	for u, err := range acme.All(tb.Context(), enduser.Filter{}) {
		if err != nil {
			tb.Fatal(err)
		}
		if f == vendors.Sensay {
			all = append(all, u.ExternalID)
		} else {
			all = append(all, u.ID)
		}
	}
	return all
}

// Request returns the request with which a client of the vendor reads what has an ID. Explo's
// also creates what is not there.
func Request(f vendors.Format, id string) *http.Request {
	method, path, body := http.MethodGet, "", ""
	switch f {
	case vendors.Sensay:
		path = "/v1/users/" + id
	case vendors.Ada:
		path = "/api/v2/end-users/" + id
	case vendors.MagickMind:
		path = "/v1/end-users/" + id
	case vendors.Explo:
		method, path, body = http.MethodPost, "/api/create_user_group/", fmt.Sprintf(`{"user_group_id":%q}`, id)
	}
	r := httptest.NewRequest(method, "http://vendor.example"+path, strings.NewReader(body))
	r.RequestURI = "" // so that clients send it, too
	r.Header.Set("Content-Type", "application/json")
	if f == vendors.Explo {
		r.Header.Set("Authorization", "Token "+Token)
	} else {
		r.Header.Set("Authorization", "Bearer "+Token)
	}
	r.Header.Set("X-Organization-Secret", Token)
	return r
}

// Show returns what a family shows of what has an ID: the answer's body without the number of a
// group, which Explo's customers do not have.
func Show(tb testing.TB, f vendors.Format, routes http.RoundTripper, id string) string {
	tb.Helper()
	answer, err := routes.RoundTrip(Request(f, id))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		tb.Fatalf("%s: %d %s, %v", id, answer.StatusCode, body, err)
	}
	text := string(body)
	if f == vendors.Explo {
		if strings.Contains(text, `"new_user_group":true`) {
			tb.Errorf("%s was not there", id)
		}
		_, text, _ = strings.Cut(text, `"token":`)
	}
	return text
}

// InProcess returns a transport that calls a handler.
func InProcess(h http.Handler) http.RoundTripper { return &Vendor{routes: h} }

// Saved returns what the vendor's API answers, each answer on a line: pages, and of Sensay users.
func (v *Vendor) Saved(tb testing.TB) string {
	tb.Helper()
	var text strings.Builder
	api := v.API()
	api.APIRate = "off"
	api.Client.Transport = saving{v, &text}
	s, err := api.Open(v.Format, v.Names(tb), "")
	if err != nil {
		tb.Fatal(err)
	}
	for row := range s.Rows(tb.Context()) {
		if row.Err != nil {
			tb.Fatal(row.At, row.Err)
		}
	}
	if s.Err() != nil {
		tb.Fatal(s.Err())
	}
	return text.String()
}

// saving keeps the bodies of answers.
type saving struct {
	from http.RoundTripper
	text *strings.Builder
}

func (s saving) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.from.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(strings.NewReader(string(body)))
	s.text.WriteString(strings.TrimSpace(string(body)) + "\n")
	return answer, err
}

// Names returns the file that names all users where the vendor does not list them; else nil.
func (v *Vendor) Names(tb testing.TB) io.Reader {
	tb.Helper()
	if v.Format != vendors.Sensay {
		return nil
	}
	return strings.NewReader(strings.Join(IDs(tb, v.Format, v.Users), "\n"))
}

// API returns the flags for the vendor, asked without a network.
func (v *Vendor) API() *vendors.API {
	return &vendors.API{APIURL: "https://vendor.example" + v.Prefix(), APIToken: Token, Client: &http.Client{Transport: v}}
}

// Prefix returns the path of the vendor's API on its host.
func (v *Vendor) Prefix() string {
	if v.Format == vendors.Ada {
		return "/api"
	}
	return ""
}
