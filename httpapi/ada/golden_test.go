package ada_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
)

// TestGolden replays the exchanges of testdata on every backend. What none of these
// routes can write is there from the start, in acme's Testing environment.
func TestGolden(t *testing.T) {
	apitest.Replay(t, func(tb testing.TB, w *apitest.World) http.Handler {
		tb.Helper()
		for _, spec := range []enduser.Spec{
			{
				ExternalID:       "ada-lovelace",
				SystemProperties: enduser.Metadata{"sunshine_user_id": enduser.String("5f7e0e2c1e7c7e000f0f9c3a")},
			},
			{
				ExternalID: "elsewhere",
				Metadata:   enduser.Metadata{"plan": enduser.String("pro"), "score": enduser.Float(0.5)},
			},
		} {
			if _, err := w.Users.Tenant("acme").In(enduser.Testing).Create(tb.Context(), spec); err != nil {
				tb.Fatal(err)
			}
		}
		return newHandler(tb, w.Users, w.Auth, &ada.Options{
			Options: httpapi.Options{MaxBody: 1500, Rates: []httpapi.Rate{{Requests: 3, Per: time.Second}}, Limiter: window(w.Clock)},
			BaseURL: "https://example.ada.support",
		})
	})
}

// window returns a Limiter on a clock that stands still, for the tenant "other" alone.
func window(clock *clock.Clock) httpapi.Limiter {
	var begin time.Time
	n := 0
	return apitest.LimiterFunc(func(key string, rates []httpapi.Rate) (httpapi.Decision, error) {
		rate := rates[0]
		if !strings.HasPrefix(key, "other\x00") {
			return httpapi.Decision{Allowed: true, Limit: rate, Remaining: rate.Requests}, nil
		}
		if now := clock.Now(); now.Sub(begin) >= rate.Per {
			begin, n = now, 0
		}
		n++
		return httpapi.Decision{
			Allowed: n <= rate.Requests, Wait: rate.Per, Limit: rate, Remaining: max(rate.Requests-n, 0), Reset: rate.Per,
		}, nil
	})
}
