package ada_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

const (
	users         = "/api/v2/end-users/"
	conversations = "/api/v2/conversations/"
	missing       = "0123456789abcdef01234567" // nobody's ID
)

// server is a handler over a world, and what tests ask it with.
type server struct {
	*apitest.World
	handler http.Handler
}

func newServer(tb testing.TB, st store.Store, o *ada.Options) *server {
	tb.Helper()
	if st == nil {
		st = memory.New(nil)
	}
	w := apitest.NewWorld(tb, st)
	return &server{w, newHandler(tb, w.Users, w.Auth, o)}
}

// newHandler returns a handler that is not limited, where the options do not say so.
func newHandler(tb testing.TB, users *enduser.Manager, auth httpapi.Authenticator, o *ada.Options) http.Handler {
	tb.Helper()
	var unlimited ada.Options
	if o != nil {
		unlimited = *o
	}
	if unlimited.Rates == nil {
		unlimited.Rates = []httpapi.Rate{}
	}
	h, err := ada.New(users, auth, &unlimited)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func onBackends(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) { test(t, newServer(t, open(t), nil)) })
}

type option = apitest.Option

func with(name string, values ...string) option { return apitest.With(name, values...) }

func as(key string) option { return with("Authorization", "Bearer "+key) }

// answer is what came back.
type answer struct{ apitest.Answer }

// do sends a request, as acme unless an option says otherwise, and checks what
// holds for every answer.
func (s *server) do(tb testing.TB, method, target, body string, options ...option) answer {
	tb.Helper()
	a := answer{apitest.Send(tb, s.handler, method, target, body, append([]option{as(apitest.Acme)}, options...)...)}
	a.Challenged(tb)
	if a.Status >= http.StatusBadRequest && method != http.MethodHead {
		a.checkProblem(tb)
	}
	return a
}

// problem is what an error answer says.
type problem struct {
	Type    string   `json:"type"`
	Message string   `json:"message"`
	Details []detail `json:"details"`
}

type detail struct {
	Parameter string `json:"parameter"`
	Location  string `json:"location"`
	Message   string `json:"message"`
}

func (a answer) checkProblem(tb testing.TB) {
	tb.Helper()
	p := a.problem(tb)
	if p.Message == "" || (p.Type == "validation_error") != (a.Status == 400) {
		tb.Errorf("%d has %s", a.Status, a.Body)
	}
	for _, d := range p.Details {
		body := d.Location == "body" && strings.HasPrefix(d.Parameter, "$")
		if d.Message == "" || !body && d.Location != "query" && d.Location != "path" {
			tb.Errorf("%d has the detail %+v", a.Status, d)
		}
	}
}

func (a answer) problem(tb testing.TB) problem {
	tb.Helper()
	p, _ := a.failure(tb)
	return p
}

// failure returns what an error answer says, and, of a list that took too long, the URL
// of what is left.
func (a answer) failure(tb testing.TB) (p problem, next string) {
	tb.Helper()
	f := apitest.Read[struct {
		Errors []problem `json:"errors"`
		Meta   struct {
			NextPageURL string `json:"next_page_url"`
		} `json:"meta"`
	}](tb, a.Answer)
	if len(f.Errors) != 1 {
		tb.Fatalf("%d has not one error: %s", a.Status, a.Body)
	}
	return f.Errors[0], f.Meta.NextPageURL
}

// user is one user as the routes show it.
type user struct {
	ID         string  `json:"end_user_id"`
	ExternalID *string `json:"external_id"`
	Profile    struct {
		FirstName        *string         `json:"first_name"`
		LastName         *string         `json:"last_name"`
		DisplayName      *string         `json:"display_name"`
		Avatar           *string         `json:"avatar"`
		Email            *string         `json:"email"`
		Language         *string         `json:"language"`
		Metadata         json.RawMessage `json:"metadata"`
		SystemProperties json.RawMessage `json:"system_properties"`
	} `json:"profile"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func (a answer) user(tb testing.TB) user {
	tb.Helper()
	return apitest.Read[user](tb, a.Answer)
}

// want fails the test at once if the answer has another status.
func (a answer) want(tb testing.TB, status int) answer {
	tb.Helper()
	a.Want(tb, status)
	return a
}

// wantFault fails the test at once unless the answer is a 400 that blames that
// parameter and nothing else.
func (a answer) wantFault(tb testing.TB, parameter, location string) {
	tb.Helper()
	details := a.want(tb, 400).problem(tb).Details
	if len(details) != 1 || details[0].Parameter != parameter || details[0].Location != location {
		tb.Fatalf("got %+v, want %s in the %s", details, parameter, location)
	}
}

// create makes a user and returns it.
func (s *server) create(tb testing.TB, body string, options ...option) user {
	tb.Helper()
	return s.do(tb, "POST", users, body, options...).want(tb, 201).user(tb)
}

// page is a page of the list.
type page struct {
	Data []user `json:"data"`
	Meta struct {
		NextPageURL *string `json:"next_page_url"`
	} `json:"meta"`
}

func (p page) ids() []string {
	ids := []string{}
	for _, u := range p.Data {
		ids = append(ids, u.ID)
	}
	return ids
}

func (s *server) list(tb testing.TB, target string, options ...option) page {
	tb.Helper()
	p := apitest.Read[page](tb, s.do(tb, "GET", target, "", options...).want(tb, 200).Answer)
	if p.Data == nil {
		tb.Errorf("%s: data is null", target)
	}
	return p
}

// secrets returns the sensitive values of a user of acme's, as JSON texts.
func (s *server) secrets(tb testing.TB, id string) map[string]string {
	tb.Helper()
	values, err := s.Users.Tenant("acme").RevealSensitive(tb.Context(), enduser.ByID(id))
	if err != nil {
		tb.Fatal(err)
	}
	texts := make(map[string]string)
	for key, value := range values {
		texts[key] = value.Text()
	}
	return texts
}
