package httpapi_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

func TestRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, &httpapi.Options{Rates: []httpapi.Rate{{Requests: 3, Per: time.Second}, {Requests: 5, Per: time.Minute}}})
		get := func(options ...option) answer { return s.do(t, "GET", "/v1/changes", "", options...) }
		for _, want := range []string{`"default";r=2;t=`, `"default";r=1;t=`, `"default";r=0;t=`} {
			a := get().want(t, 200)
			if a.Header.Get("RateLimit")[:len(want)] != want || a.Header.Get("RateLimit-Policy") != `"default";q=3;w=1` {
				t.Errorf("RateLimit %s, RateLimit-Policy %s", a.Header.Get("RateLimit"), a.Header.Get("RateLimit-Policy"))
			}
		}
		a := get()
		a.wantCode(t, 429, "rate-limited")
		if a.Header.Get("Retry-After") != "2" && a.Header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
		}
		get(as(apitest.Other)).want(t, 200)
		get(as(apitest.Testing)).want(t, 200)
		get(as(apitest.Reader)).want(t, 200) // the same tenant by another credential
		get(with("Authorization")).want(t, 401)
		s.do(t, "GET", "/healthz", "").want(t, 200)

		time.Sleep(2 * time.Second) //nolint:forbidigo // time of the bubble
		get().want(t, 200)
		get().want(t, 200)
		a = get() // the minute's
		a.wantCode(t, 429, "rate-limited")
		if a.Header.Get("RateLimit-Policy") != `"default";q=5;w=60` {
			t.Errorf("RateLimit-Policy %s", a.Header.Get("RateLimit-Policy"))
		}
		wait, err := time.ParseDuration(a.Header.Get("Retry-After") + "s")
		if err != nil || wait > 61*time.Second {
			t.Errorf("Retry-After %v, %v", wait, err)
		}
		time.Sleep(wait) //nolint:forbidigo // time of the bubble
		get().want(t, 200)
	})
}

// TestNoRates: without rates the limiter is not called.
func TestNoRates(t *testing.T) {
	t.Parallel()
	limiter := apitest.LimiterFunc(func(string, []httpapi.Rate) (httpapi.Decision, error) {
		return httpapi.Decision{}, errors.New("is down")
	})
	newServer(t, nil, &httpapi.Options{Limiter: limiter}).do(t, "GET", "/v1/changes", "").want(t, 200)
}

// TestRatesOf: a credential with rates of its own has those instead of the others', and an
// empty list is no limit.
func TestRatesOf(t *testing.T) {
	t.Parallel()
	for _, shared := range [][]httpapi.Rate{nil, {{Requests: 2, Per: time.Hour}}} {
		s := newServer(t, nil, &httpapi.Options{
			Rates: shared,
			RatesOf: func(p httpapi.Principal) []httpapi.Rate {
				switch {
				case p.ReadOnly:
					return []httpapi.Rate{{Requests: 1, Per: time.Hour}}
				case p.Environment == "Testing":
					return []httpapi.Rate{}
				}
				return nil
			},
		})
		allowed := func(key string) (n int) {
			for ; n < 5; n++ {
				a := s.do(t, "GET", "/v1/changes", "", as(key))
				if a.Status == 429 {
					break
				}
				a.want(t, 200)
				if limited := a.Header.Get("RateLimit") != ""; limited != (key == apitest.Reader || key == apitest.Acme && shared != nil) {
					t.Errorf("%s: RateLimit %q", key, a.Header.Get("RateLimit"))
				}
			}
			return n
		}
		ordinary := 5
		if shared != nil {
			ordinary = 2
		}
		for key, want := range map[string]int{apitest.Reader: 1, apitest.Testing: 5, apitest.Acme: ordinary} {
			if got := allowed(key); got != want {
				t.Errorf("rates %v, %s: %d requests were allowed, want %d", shared, key, got, want)
			}
		}
	}
}
