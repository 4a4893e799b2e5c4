package console_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store/memory"
)

// figures is the text of the four figures.
func figures(users, created, expiring, hooks string) string {
	return "Users " + users + " Created in the last 24 h " + created + " Expiring in the next 24 h " + expiring +
		" Endpoints failing or gapped " + hooks
}

func TestOverviewFigures(t *testing.T) {
	t.Parallel()
	hour := func(h int) time.Duration { return time.Duration(h) * time.Hour }
	for _, test := range []struct {
		name string
		fill func(d *desk)
		want []string
	}{
		{"an empty tenant", func(*desk) {}, []string{figures("0", "0", "0", "0"), "No users yet", "none in the feed", "There are no webhooks."}},
		{"one user", func(d *desk) {
			d.add(enduser.Spec{Name: "Ann"})
		}, []string{figures("1", "1", "0", "0"), "1 in all from 5 Apr to 4 May; most, 1, on 4 May."}},
		{"users of many days", func(d *desk) {
			d.Advance(-hour(24 * 31))
			d.add(enduser.Spec{Name: "too early for the chart"})
			d.Advance(hour(24 * 2))
			d.add(enduser.Spec{Name: "on its first day"})
			d.Advance(hour(24 * 28))
			d.add(enduser.Spec{Name: "yesterday, 24 h ago to the millisecond"})
			d.Set(epoch.Truncate(hour(24)).Add(-time.Millisecond))
			d.add(enduser.Spec{Name: "yesterday, at its end"})
			d.Set(epoch.Truncate(hour(24)))
			d.add(enduser.Spec{Name: "today, at its beginning"})
			d.Set(epoch)
		}, []string{figures("5", "3", "0", "0"), "4 in all from 5 Apr to 4 May; most, 2, on 3 May.", "5 Apr 1 6 Apr 0", "3 May 2 4 May 1"}},
		{"users who expire", func(d *desk) {
			d.add(enduser.Spec{ExpiresIn: hour(1)})
			d.Advance(hour(2)) // its time is over, whether it was swept or not
			d.add(enduser.Spec{ExpiresIn: hour(23)})
			d.add(enduser.Spec{ExpiresIn: hour(25)})
			d.add(enduser.Spec{Name: "permanent"})
		}, []string{figures("3", "3", "1", "0")}},
		{"those of others", func(d *desk) {
			others := []enduser.Tenant{d.users.Tenant("acme").In(enduser.Testing), d.users.Tenant("acme2"), d.users.Tenant("acm")}
			for i, other := range others {
				for j := range 5 + i {
					must(other.Create(t.Context(), enduser.Spec{ExternalID: fmt.Sprint(j), ExpiresIn: hour(1)}))(t)
				}
				hook(t, other, enduser.WebhookSpec{URL: "https://other.example/"})
			}
			d.add(enduser.Spec{Name: "its own"})
		}, []string{figures("1", "1", "0", "0"), "There are no webhooks."}},
		{"more than are counted", func(d *desk) {
			d.many(10_001)
		}, []string{figures("10,000+", "10,000+", "0", "0"), "10,000+ in all", "4 May 10,000+"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, memory.New(nil), nil)
			test.fill(d)
			d.get("").want(http.StatusOK, test.want...)

			d.who.Environment, d.who.Tenant = enduser.Testing, "nobody"
			d.get("").want(http.StatusOK, figures("0", "0", "0", "0"))
		})
	}
}

// many makes users, many at once.
func (d *desk) many(n int) {
	d.Helper()
	specs := func(yield func(enduser.Spec) bool) {
		for i := range n {
			if !yield(enduser.Spec{ExternalID: fmt.Sprint("many-", i)}) {
				return
			}
		}
	}
	for _, err := range d.acme.UpsertAll(d.Context(), specs, nil) {
		ok(d, err)
	}
}

// The environments of a tenant have an overview each.
func TestOverviewOfTheTestingEnvironment(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	d.add(enduser.Spec{Name: "a customer"})
	for range 2 {
		must(d.acme.In(enduser.Testing).Create(t.Context(), enduser.Spec{Name: "a test"}))(t)
	}
	for range 2 { // also when days are remembered
		for env, want := range map[enduser.Environment]string{enduser.Customer: figures("1", "1", "0", "0"), enduser.Testing: figures("2", "2", "0", "0")} {
			d.who.Environment = env
			d.get("").want(http.StatusOK, want)
		}
	}
}

// A number that is not exact is remembered for a minute, and an exact one is not.
func TestOverviewRemembersWhatIsNotExact(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	d.many(10_000)
	d.get("").want(http.StatusOK, "Users 10,000 ")
	last := d.add(enduser.Spec{Name: "one more"})
	d.get("").want(http.StatusOK, "Users 10,000+ ")
	ok(t, d.acme.Delete(t.Context(), enduser.ByID(last.ID)))
	d.get("").want(http.StatusOK, "Users 10,000+ ")
	d.Advance(time.Minute)
	d.get("").want(http.StatusOK, "Users 10,000 ")
}

// Days that are over are counted once an hour; today always.
func TestOverviewRemembersDays(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	d.Advance(-24 * time.Hour)
	gone := d.add(enduser.Spec{Name: "gone"})
	d.Advance(24 * time.Hour)
	d.get("").want(http.StatusOK, "3 May 1 4 May 0")
	ok(t, d.acme.Delete(t.Context(), enduser.ByID(gone.ID)))
	d.add(enduser.Spec{Name: "new"})
	d.get("").want(http.StatusOK, "3 May 1 4 May 1", figures("1", "1", "0", "0"))
	d.Advance(time.Hour)
	d.get("").want(http.StatusOK, "3 May 0 4 May 1")
}

// What a credential has no right to is not on the page, and not asked for.
func TestOverviewRights(t *testing.T) {
	t.Parallel()
	const users, feed, hooks, curl = "Expiring in", "Last write", "Webhook lag", "curl http"
	for action, without := range map[string][]string{
		"listEndUsers":    {users, "Users created", curl, "No users yet"},
		"createEndUser":   {curl},
		"listChanges":     {feed},
		"listWebhooks":    {hooks, "Endpoints"},
		"getWebhookState": {hooks, "Endpoints"},
	} {
		d := newDesk(t, memory.New(nil), &console.Options{Store: func() console.StoreInfo { return console.StoreInfo{Backend: "A store", Queued: 7} }})
		d.denied = map[string]bool{action: true}
		page := d.get("").want(http.StatusOK, "Backend A store", "Queue 7 calls")
		for _, part := range []string{users, feed, hooks, curl, "Users created", "No users yet", "Endpoints"} {
			if hidden := strings.Contains(strings.Join(without, "\n"), part); strings.Contains(page.text(), part) == hidden && part != "Users created" {
				t.Errorf("without %s: %q is on the page: %v\n%s", action, part, !hidden, page.text())
			}
		}
	}

	st := &faultstore.Store{Store: memory.New(nil)}
	d := newDesk(t, st, nil)
	d.denied = map[string]bool{"listEndUsers": true, "listChanges": true, "listWebhooks": true}
	st.Fail(errors.New("nothing may be asked"))
	d.get("").want(http.StatusOK, "This key has no right to the figures").lacks("–", "Store")

	d = newDesk(t, memory.New(nil), nil)
	hook(t, d.acme, enduser.WebhookSpec{URL: "https://hooks.example/"})
	d.get("").has(`href="webhooks/`)
	d.denied = map[string]bool{"getWebhook": true}
	d.get("").want(http.StatusOK, "hooks.example").lacks(`href="webhooks/`)
}

// What the URL and the description of a webhook hold stays text, and what may be a secret in the
// URL is not shown.
func TestOverviewHostileWebhooks(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	_, _, err := d.acme.Webhooks().Create(t.Context(), enduser.WebhookSpec{
		URL:         "https://xn--e1afmkfd.example/%3Cb%3Ea%3C%2Fb%3E/T0K3N-of-some-thirty-characters?key=s3cr3t",
		Description: "<script>alert(1)</script> {{.Who}} \u202eright to left" + strings.Repeat(" long", 30),
	})
	ok(t, err)
	d.get("").want(http.StatusOK, "<script>alert(1)</script> {{.Who}} \ufffdright", "xn--e1afmkfd.example").lacks("<script>alert", "<b>a", "s3cr3t", "T0K3N-of-some-thirty-characters", "\u202e")
}

// At most ten webhooks are shown, those first that are behind or in trouble.
func TestOverviewOrderOfWebhooks(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	for i := range 12 {
		hook(t, d.acme, enduser.WebhookSpec{URL: fmt.Sprintf("https://h%d.example/", i)})
	}
	d.get("").want(http.StatusOK, "h0.example", "2 more").lacks("h11.example")
}

// The command of a first start has the host of the request, if that is plain, and no key.
func TestOverviewFirstCommand(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	for host, want := range map[string]string{
		"users.example.com:8080": "curl http://users.example.com:8080/v1/end-users",
		"[::1]:8080":             "curl http://[::1]:8080/v1/end-users",
		"a;rm -rf x":             "curl http://example.com/v1/end-users",
		"$(id).example":          "curl http://example.com/v1/end-users",
		"`id`":                   "curl http://example.com/v1/end-users",
		`"><b>`:                  "curl http://example.com/v1/end-users",
		"":                       "curl http://example.com/v1/end-users",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		d.serve(r).want(http.StatusOK, want+` -H "Authorization: Bearer $KEY"`)
	}
}
