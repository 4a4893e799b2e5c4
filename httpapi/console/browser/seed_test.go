package browser

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// people is how many users most worlds have: more than a page of the list shows.
const people = 57

// company is a customer of the tenant, and a group of its users.
type company struct{ id, name, domain, plan, region string }

func companies() []company {
	return []company{
		{"brightwater", "Brightwater Dental", "brightwater.example", "pro", "eu-west"},
		{"kestrel", "Kestrel Logistics", "kestrel.example", "enterprise", "us-east"},
		{"oakfield", "Oakfield Schools", "oakfield.example", "free", "eu-west"},
		{"tidewell", "Tidewell Bank", "tidewell.example", "enterprise", "eu-north"},
		{"pinecrest", "Pinecrest Studio", "pinecrest.example", "pro", "us-west"},
		{"marigold", "Marigold Foods", "marigold.example", "pro", "ap-south"},
	}
}

func givenNames() []string {
	return []string{
		"Ann", "Tomás", "Ngozi", "Mei", "Lukas", "Priya", "Omar", "Sofia", "Jonas", "Aiko", "Elif",
		"Mateo", "Hannah", "Kwame", "Ingrid", "Rafael", "Leila", "Viktor", "Chloé",
	}
}

func familyNames() []string {
	return []string{
		"Lindqvist", "Okafor", "Herrera", "Tanaka", "Whitfield", "Nair", "Haddad", "Rossi", "Keller",
		"Moreau", "Demir", "Boateng", "Silva", "Novak", "Brennan", "Castillo", "Haugen",
	}
}

// ann is the user that most flows look at.
const (
	annID    = "crm-4711"
	annName  = "Ann Lindqvist"
	annEmail = "ann.lindqvist@brightwater.example"
)

// ascii spells a name as addresses do.
func ascii(name string) string {
	return strings.ToLower(strings.NewReplacer("á", "a", "é", "e").Replace(name))
}

// seed fills the world with the people of a month, groups and webhooks in most states. What is given
// is done when the month begins.
func (w *world) seed(n int, first ...func()) {
	w.tb.Helper()
	w.clock.Set(now.Add(-30 * 24 * time.Hour))
	for _, c := range companies() {
		w.group(c)
	}
	w.hooks()
	for _, do := range first {
		do()
	}
	crm := w.acme.As("crm")
	// More come on working days than on weekends, and a few more each week.
	var weights [30]int
	sum := 0
	for day := range weights {
		at := now.Add(-time.Duration(30-day) * 24 * time.Hour)
		weights[day] = 4 + day/7 + day*day%5
		if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
			weights[day] = 1 + day%2
		}
		sum += weights[day]
	}
	created := func(i int) time.Time {
		at, day := i*sum/(n-2), 0
		for ; at >= weights[day]; day++ {
			at -= weights[day]
		}
		return now.Add(-time.Duration(30-day)*24*time.Hour + time.Duration(at+1)*19*time.Hour/time.Duration(weights[day]+1))
	}
	for i := range n - 2 {
		if n > people && i > n-30 { // those of a page say when they were delivered
			w.settle()
		}
		w.reach(created(i))
		if i == n*4/5 {
			w.settle()
			w.receiver.answers("old.harbour.example", http.StatusGone)
		}
		c := companies()[i*i%len(companies())]
		first, last := givenNames()[(i+1)%len(givenNames())], familyNames()[(i*3+1)%len(familyNames())]
		s := enduser.Spec{
			ExternalID: fmt.Sprintf("crm-%d", 4800+i), Name: first + " " + last,
			Email:  fmt.Sprintf("%s.%s@%s", ascii(first), ascii(last), c.domain),
			Groups: []string{c.id}, Language: []string{"en", "de", "pt-BR", "ja"}[i%4],
			Metadata: enduser.Metadata{"plan": enduser.String(c.plan), "region": enduser.String(c.region), "seats": enduser.Int(int64(3 + i%40))},
		}
		if i%9 == 4 {
			s.ExpiresIn = 30 * 24 * time.Hour
		}
		if _, err := crm.Create(w.tb.Context(), s); err != nil {
			w.tb.Fatal(err)
		}
	}
	w.settle()
	w.receiver.answers("mail.harbour.example", http.StatusServiceUnavailable)
	w.ann()
	w.reach(now)
	w.settle()
}

// reach moves the clock on to a time, never back. In the last hours the endpoint that fails is
// tried again when it is due.
func (w *world) reach(at time.Time) {
	w.tb.Helper()
	for next := w.clock.Now(); next.Before(at); {
		next = at
		if w.clock.Now().After(now.Add(-4 * time.Hour)) {
			next = w.tried()
			if next.IsZero() || next.After(at) {
				next = at
			}
		}
		w.clock.Set(next)
	}
}

func (w *world) group(c company) {
	w.tb.Helper()
	_, token, err := w.acme.Groups().Create(w.tb.Context(), enduser.GroupSpec{
		ExternalID: c.id, Name: c.name, Metadata: enduser.Metadata{"plan": enduser.String(c.plan)},
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	w.never(token, "the token of the group "+c.id)
}

// ann makes the user whom somebody asks about, with a history.
func (w *world) ann() {
	w.tb.Helper()
	ctx, crm := w.tb.Context(), w.acme.As("crm")
	w.reach(now.Add(-3 * time.Hour))
	_, err := crm.Create(ctx, enduser.Spec{
		ExternalID: annID, Name: "Ann Lindquist", FirstName: "Ann", LastName: "Lindquist", Email: "ann@brightwater.example",
		Language: "sv", Avatar: "https://www.brightwater.example/people/ann.png", Groups: []string{"brightwater", "tidewell"},
		Metadata: enduser.Metadata{
			"plan": enduser.String("pro"), "region": enduser.String("eu-west"), "seats": enduser.Int(12),
			"trial": enduser.Bool(false), "balance": enduser.Float(129.5), "contract": mustJSON(`{"until":"2027-03-31","signed_by":["Ann Lindqvist","Omar Haddad"]}`),
		},
		SystemProperties: enduser.Metadata{"source": enduser.String("import")},
		Accounts:         []enduser.Account{{Type: "discord", ID: "80351110224678912"}, {Type: "slack", ID: "U02QX7H4P"}},
		ExpiresIn:        26 * time.Hour,
	})
	steps := []func() error{
		func() error { _, err := w.acme.Associate(ctx, enduser.ByExternalID(annID)); return err },
		func() error {
			_, err := crm.Update(ctx, enduser.ByExternalID(annID), func(e *enduser.Edit) error {
				e.Name, e.LastName, e.Email = annName, "Lindqvist", annEmail
				return nil
			})
			return err
		},
		func() error {
			const canary = "sensitive-canary-19750412-8841"
			w.never(canary, "a sensitive value")
			_, err := crm.Update(ctx, enduser.ByExternalID(annID), func(e *enduser.Edit) error {
				e.SetSensitive("national_id", enduser.NewSecret(enduser.String(canary)))
				return nil
			})
			return err
		},
	}
	for i, step := range steps {
		if err == nil {
			w.reach(now.Add(-time.Duration(120-50*i) * time.Minute))
			err = step()
		}
	}
	if err == nil {
		w.reach(now.Add(-8 * time.Minute))
		_, err = crm.Create(ctx, enduser.Spec{
			ExternalID: "guest-31", Name: "Guest of Kestrel", Groups: []string{"kestrel"}, ExpiresIn: 3*time.Hour + 8*time.Minute,
		})
	}
	if err != nil {
		w.tb.Fatal(err)
	}
}

func mustJSON(text string) enduser.Value {
	v, err := enduser.JSON(text)
	if err != nil {
		panic(err) //nolint:forbidigo // a constant of this package
	}
	return v
}

// user returns the user that an external ID names.
func (w *world) user(externalID string) enduser.User {
	w.tb.Helper()
	u, err := w.acme.Get(w.tb.Context(), enduser.ByExternalID(externalID))
	if err != nil {
		w.tb.Fatal(err)
	}
	return u
}
