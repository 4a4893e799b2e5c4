package httpapi_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
)

func TestRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, &httpapi.Options{Rates: []httpapi.Rate{{Requests: 3, Per: time.Second}, {Requests: 5, Per: time.Minute}}})
		get := func(options ...option) answer { return s.do(t, "GET", "/v1/changes", "", options...) }
		for _, want := range []string{`"default";r=2;t=`, `"default";r=1;t=`, `"default";r=0;t=`} {
			a := get().want(t, 200)
			if a.header.Get("RateLimit")[:len(want)] != want || a.header.Get("RateLimit-Policy") != `"default";q=3;w=1` {
				t.Errorf("RateLimit %s, RateLimit-Policy %s", a.header.Get("RateLimit"), a.header.Get("RateLimit-Policy"))
			}
		}
		a := get()
		a.wantCode(t, 429, "rate-limited")
		if a.header.Get("Retry-After") != "2" && a.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
		get(as(otherKey)).want(t, 200)
		get(as(testingKey)).want(t, 200)
		get(as(readerKey)).want(t, 200) // the same tenant by another credential
		get(with("Authorization")).want(t, 401)
		s.do(t, "GET", "/healthz", "").want(t, 200)

		time.Sleep(2 * time.Second) //nolint:forbidigo // time of the bubble
		get().want(t, 200)
		get().want(t, 200)
		a = get() // the minute's
		a.wantCode(t, 429, "rate-limited")
		if a.header.Get("RateLimit-Policy") != `"default";q=5;w=60` {
			t.Errorf("RateLimit-Policy %s", a.header.Get("RateLimit-Policy"))
		}
		wait, err := time.ParseDuration(a.header.Get("Retry-After") + "s")
		if err != nil || wait > 61*time.Second {
			t.Errorf("Retry-After %v, %v", wait, err)
		}
		time.Sleep(wait) //nolint:forbidigo // time of the bubble
		get().want(t, 200)
	})
}

type limiterFunc func(key string, rates []httpapi.Rate) (httpapi.Decision, error)

func (f limiterFunc) Allow(_ context.Context, key string, rates []httpapi.Rate) (httpapi.Decision, error) {
	return f(key, rates)
}

func TestLimiterFails(t *testing.T) {
	t.Parallel()
	o := &httpapi.Options{
		Limiter: limiterFunc(func(string, []httpapi.Rate) (httpapi.Decision, error) {
			return httpapi.Decision{Allowed: true}, errors.New("secret")
		}),
		Rates: []httpapi.Rate{{Requests: 1, Per: time.Second}},
	}
	newServer(t, nil, o).do(t, "GET", "/v1/changes", "").wantCode(t, 503, "unavailable")
	o.Rates = nil // then nobody asks it
	newServer(t, nil, o).do(t, "GET", "/v1/changes", "").want(t, 200)
}
