package vendors_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors/vendortest"
)

// served answers requests with a handler, and remembers them.
type served struct {
	handler func(w http.ResponseWriter, r *http.Request, n int) // n counts from 1
	asked   []*http.Request
	times   []time.Time
}

func (s *served) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked, s.times = append(s.asked, r), append(s.times, time.Now())
	w := httptest.NewRecorder()
	s.handler(w, r, len(s.asked))
	answer := w.Result()
	answer.Request = r
	return answer, r.Context().Err()
}

// walk returns the IDs of all rows of an API, and the error behind them.
func walk(t *testing.T, f vendors.Format, api vendors.API, transport http.RoundTripper) (ids []string, err error) {
	t.Helper()
	api.APIURL, api.Client = cmp.Or(api.APIURL, "https://vendor.example"), &http.Client{Transport: transport}
	if api.APILogin == "" {
		api.APIToken = vendortest.Token
	}
	s, err := api.Open(f, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for row := range s.Rows(t.Context()) {
		if row.Err != nil {
			t.Errorf("%s: %v", row.At, row.Err)
		}
		ids = append(ids, row.ID)
	}
	if s.Err() != nil && strings.Contains(s.Err().Error(), vendortest.Token) {
		t.Error("the error has the token")
	}
	return ids, s.Err()
}

func write(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

// page answers with a page of MagickMind that has one user, the last if after is empty.
func page(w io.Writer, id, after string) {
	fmt.Fprintf(w, `{"data":[{"id":%q}],"paging":{"cursors":{"after":%q},"has_more":%t}}`, id, after, after != "")
}

// What will not pass ends the walk at once, and no redirect is followed: the token would be.
func TestStatusesThatEnd(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		400: "the vendor's API answered with 400",
		401: "the vendor's API does not accept the credential (401)",
		403: "the vendor's API does not accept the credential (403)",
		404: "the vendor's API answered with 404",
		301: "the vendor's API answered with 301",
		307: "the vendor's API answered with 307",
		201: "the vendor's API answered with 201",
	} {
		for _, f := range []vendors.Format{vendors.Ada, vendors.MagickMind, vendors.Explo} {
			s := &served{handler: func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Location", "https://elsewhere.example/")
				w.WriteHeader(status)
			}}
			_, err := walk(t, f, vendors.API{}, s)
			if err == nil || err.Error() != want || len(s.asked) != 1 {
				t.Errorf("%s, %d: %d requests, error %v; want one and %q", f, status, len(s.asked), err, want)
			}
		}
	}
}

// The vendor says how long to wait, in both forms of the header.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]func() string{
		"seconds": func() string { return "40" },
		"date":    func() string { return time.Now().Add(40 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := &served{handler: func(w http.ResponseWriter, _ *http.Request, n int) {
					if n < 4 {
						w.Header().Set("Retry-After", header())
						w.WriteHeader(http.StatusTooManyRequests)
						return
					}
					page(w, "a", "")
				}}
				ids, err := walk(t, vendors.MagickMind, vendors.API{Log: slog.New(slog.NewTextHandler(&log, nil))}, s)
				if err != nil || len(ids) != 1 || s.times[3].Sub(s.times[0]) != 2*time.Minute {
					t.Errorf("rows %q, error %v, after %v", ids, err, s.times[3].Sub(s.times[0]))
				}
				if strings.Count(log.String(), "wait=40s") != 3 || strings.Contains(log.String(), vendortest.Token) {
					t.Errorf("log: %s", &log)
				}
			})
		})
	}
}

// An API that never recovers is given up: soon if it has never answered, later if it has, and at
// once if it says itself that it takes too long.
func TestPatience(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		answer      func(w http.ResponseWriter)
		least, most time.Duration
	}{
		{"never there", nil, 10 * time.Second, 30 * time.Second},
		{"always 503", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, 13 * time.Minute, 15 * time.Minute},
		{"always 429", func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) }, 13 * time.Minute, 15 * time.Minute},
		{"tomorrow", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 0, 0},
		{"no JSON", func(w http.ResponseWriter) { write(w, `{"data":[`) }, 13 * time.Minute, 15 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var transport http.RoundTripper = roundTrip(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
				if tt.answer != nil {
					transport = &served{handler: func(w http.ResponseWriter, _ *http.Request, _ int) { tt.answer(w) }}
				}
				begun := time.Now()
				_, err := walk(t, vendors.MagickMind, vendors.API{}, transport)
				if took := time.Since(begun); err == nil || took < tt.least || took > tt.most {
					t.Errorf("error %v after %v, want one between %v and %v", err, took, tt.least, tt.most)
				}
			})
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Who interrupts an import does not wait for the vendor.
func TestInterruptedWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s := &served{handler: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
		}}
		api := vendors.API{API: true, APIToken: vendortest.Token, Client: &http.Client{Transport: s}}
		src, err := api.Open(vendors.Explo, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for range src.Rows(ctx) {
			t.Error("a row")
		}
		if !errors.Is(src.Err(), context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("error %v after %v", src.Err(), time.Since(begun))
		}
	})
}

// No window of a rate has more requests than it allows, and the vendor's rates hold by default.
func TestPace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format vendors.Format
		flag   string
		n      int
		per    time.Duration
		most   time.Duration // that 250 requests take
	}{
		{vendors.Ada, "", 10, time.Second, 130 * time.Second},
		{vendors.Ada, "", 100, time.Minute, 130 * time.Second},
		{vendors.MagickMind, "20/s", 20, time.Second, 12 * time.Second},
		{vendors.MagickMind, "60/m", 60, time.Minute, 4 * time.Minute},
		{vendors.Explo, "", 180, time.Minute, time.Minute},
		{vendors.Ada, "off", 1000, time.Minute, 0},
	} {
		t.Run(fmt.Sprintf("%s, %s, %d per %v", tt.format, tt.flag, tt.n, tt.per), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const requests = 250
				s := &served{handler: func(w http.ResponseWriter, _ *http.Request, n int) {
					switch tt.format {
					case vendors.Ada:
						fmt.Fprintf(w, `{"data":[],"meta":{"next_page_url":%q}}`, map[bool]string{true: fmt.Sprintf("https://x/?cursor=%d", n)}[n < requests])
					case vendors.Explo:
						fmt.Fprintf(w, `{"total_count":%d,"results":{"customers":[{"provided_id":"a"}]}}`, requests)
					default:
						page(w, "a", map[bool]string{true: fmt.Sprint(n)}[n < requests])
					}
				}}
				if _, err := walk(t, tt.format, vendors.API{APIRate: tt.flag}, s); err != nil || len(s.times) != requests {
					t.Fatalf("%d requests, error %v", len(s.times), err)
				}
				for i := tt.n; i < requests; i++ {
					if d := s.times[i].Sub(s.times[i-tt.n]); d < tt.per {
						t.Fatalf("%d requests in %v", tt.n+1, d)
					}
				}
				if took := s.times[requests-1].Sub(s.times[0]); took > tt.most {
					t.Errorf("all took %v, want at most %v", took, tt.most)
				}
			})
		})
	}
}

// MagickMind's tokens live for five minutes: a walk that takes longer logs in again.
func TestLogin(t *testing.T) {
	t.Parallel()
	token, logins := "", 0
	s := &served{handler: func(w http.ResponseWriter, r *http.Request, n int) {
		if r.URL.Path == "/v1/auth/login" {
			body, _ := io.ReadAll(r.Body)
			if string(body) != `{"email":"ops@example.com","password":"a secret"}` || r.Header.Get("Authorization") != "" {
				t.Errorf("login: %s", body)
			}
			logins++
			token = fmt.Sprintf("token-%d", logins)
			fmt.Fprintf(w, `{"access_token":%q,"expires_in":300}`, token)
			return
		}
		if n%4 == 0 {
			token = "expired"
		}
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		page(w, fmt.Sprint(n), map[bool]string{true: fmt.Sprint(n)}[n < 20])
	}}
	ids, err := walk(t, vendors.MagickMind, vendors.API{APILogin: "ops@example.com", APIPassword: "a secret"}, s)
	if err != nil || len(ids) < 10 || logins < 3 {
		t.Errorf("%d rows, %d logins, error %v", len(ids), logins, err)
	}
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()
	for status, answer := range map[int]string{400: "{}", 401: "{}", 200: `{"token_type":"Bearer"}`} {
		s := &served{handler: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.WriteHeader(status)
			write(w, answer)
		}}
		_, err := walk(t, vendors.MagickMind, vendors.API{APILogin: "ops@example.com", APIPassword: vendortest.Token}, s)
		if err == nil || len(s.asked) != 1 {
			t.Errorf("%d: %d requests, error %v", status, len(s.asked), err)
		}
	}
}

// The next page is asked of the same host, whatever the vendor's answer says.
func TestTheTokenStaysWithItsHost(t *testing.T) {
	t.Parallel()
	s := &served{handler: func(w http.ResponseWriter, _ *http.Request, n int) {
		next := map[int]string{1: "https://elsewhere.example/api/v2/end-users/?cursor=b%2Fc&limit=7", 2: "//elsewhere.example?cursor=d"}[n]
		fmt.Fprintf(w, `{"data":[{"end_user_id":"u%d"}],"meta":{"next_page_url":%q}}`, n, next)
	}}
	ids, err := walk(t, vendors.Ada, vendors.API{APIURL: "https://acme.ada.support/api/"}, s)
	if err != nil || fmt.Sprint(ids) != "[u1 u2 u3]" {
		t.Fatalf("rows %q, error %v", ids, err)
	}
	for i, want := range []string{"?limit=100", "?cursor=b%2Fc&limit=7", "?cursor=d"} {
		if got := s.asked[i].URL.String(); got != "https://acme.ada.support/api/v2/end-users/"+want {
			t.Errorf("request %d went to %s", i, got)
		}
		if s.asked[i].Header.Get("Authorization") != "Bearer "+vendortest.Token {
			t.Errorf("request %d without the token", i)
		}
	}
}

// MagickMind says by has_more whether there is a next page; its cursor alone does not.
func TestNoMorePages(t *testing.T) {
	t.Parallel()
	s := &served{handler: func(w http.ResponseWriter, _ *http.Request, _ int) {
		write(w, `{"data":[{"id":"a"}],"paging":{"cursors":{"after":"x"},"has_more":false}}`)
	}}
	if ids, err := walk(t, vendors.MagickMind, vendors.API{}, s); err != nil || len(ids) != 1 || len(s.asked) != 1 {
		t.Errorf("%d requests, rows %q, error %v", len(s.asked), ids, err)
	}
}

// Answers that a client could follow for ever, or that are no list, end the walk.
func TestStrangeAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format       vendors.Format
		answer, want string
	}{
		{vendors.Ada, `{"data":[],"meta":{"next_page_url":"https://x/?limit=100"}}`, "the API of ada names the same page again as the next one"},
		{vendors.Ada, `{"data":[],"meta":{"next_page_url":"%"}}`, "the API of ada named a next page that is no address"},
		{vendors.Ada, `{"data":[],"meta":[]}`, "the API of ada answered with another meta than it documents"},
		{vendors.Ada, `{"end_user_id":"a"}`, "the API of ada answered with something that is no list"},
		{vendors.Ada, `[]`, "the API of ada answered with something that is no list"},
		{vendors.MagickMind, `{"data":[],"paging":{"cursors":7}}`, "the API of magickmind answered with another paging than it documents"},
		{vendors.Explo, `{"total_count":"7","results":{"customers":[]}}`, "the API of explo answered with another total_count than it documents"},
	} {
		s := &served{handler: func(w http.ResponseWriter, _ *http.Request, _ int) { write(w, tt.answer) }}
		if _, err := walk(t, tt.format, vendors.API{}, s); err == nil || err.Error() != tt.want || len(s.asked) != 1 {
			t.Errorf("%s: %d requests, error %v; want %q", tt.answer, len(s.asked), err, tt.want)
		}
	}
}
