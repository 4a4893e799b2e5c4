package vendors_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/enduser"
)

// result is what an import did.
type result struct {
	answered int
	rejected []string
	position string // of the last row that was answered
	err      error
}

// bring imports rows until stop answers are there; 0: all.
func bring(ctx context.Context, t enduser.Tenant, f vendors.Format, s vendors.Source, stop int) (r result) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var waiting []vendors.Row
	answer := func(err error) {
		row := waiting[0]
		waiting = waiting[1:]
		if err != nil {
			r.rejected = append(r.rejected, fmt.Sprintf("%s (%s): %v", row.At, row.ID, err))
		}
		r.position = row.Position
		if r.answered++; r.answered == stop {
			cancel()
		}
	}
	t = t.With(f.Policy())
	rows := func(yield func(enduser.Import) bool) {
		for row := range s.Rows(ctx) {
			waiting = append(waiting, row)
			if row.Group == nil {
				in := enduser.Import{Err: row.Err}
				if row.User != nil {
					in = *row.User
				}
				if !yield(in) {
					return
				}
				continue
			}
			_, _, err := t.Groups().Import(ctx, *row.Group)
			if ctx.Err() != nil {
				return
			}
			answer(err)
		}
	}
	for result, err := range t.ImportAll(ctx, rows, nil) {
		if !result.Answered {
			r.err = err
			return r
		}
		answer(err)
	}
	if r.err = ctx.Err(); r.err == nil {
		r.err = s.Err()
	}
	return r
}

// show returns what a family shows of a user or group, without what is its own here: tokens,
// numbers of groups, and the headers.
func show(t testing.TB, f vendors.Format, h http.Handler, id string) string {
	t.Helper()
	method, path, body := http.MethodGet, "/v1/users/"+id, ""
	switch f {
	case vendors.Ada:
		path = "/api/v2/end-users/" + id
	case vendors.MagickMind:
		path = "/v1/end-users/" + id
	case vendors.Explo:
		method, path, body = http.MethodPost, "/api/create_user_group/", fmt.Sprintf(`{"user_group_id":%q}`, id)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", map[bool]string{true: "Token ", false: "Bearer "}[f == vendors.Explo]+secret)
	r.Header.Set("X-Organization-Secret", secret)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	text := w.Body.String()
	if f == vendors.Explo {
		_, text, _ = strings.Cut(text, `"name":`) // behind team_id and token
		if strings.Contains(w.Body.String(), `"new_user_group":true`) {
			t.Errorf("%s was not there", id)
		}
	}
	return text
}

// ids returns the IDs by which a vendor's clients know all that it has.
func ids(t testing.TB, f vendors.Format, users *enduser.Manager) (all []string) {
	t.Helper()
	if f == vendors.Explo {
		for g, err := range users.Tenant("acme").Groups().All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, g.ExternalID)
		}
		return all
	}
	for u, err := range users.Tenant("acme").All(t.Context(), enduser.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if f == vendors.Sensay {
			all = append(all, u.ExternalID)
		} else {
			all = append(all, u.ID)
		}
	}
	return all
}

var formats = []vendors.Format{vendors.Ada, vendors.Explo, vendors.MagickMind, vendors.Sensay}

const many = 5_000

// A vendor that refuses, breaks off and has pages is emptied by an import that is interrupted
// twice, and afterwards the same IDs show the same here.
func TestFromTheVendor(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				there, theirs := vendor(t, f, many)
				there.spoil = true
				all := ids(t, f, theirs)
				ours := newUsers(t)
				position, answered := "", 0
				for _, stop := range []int{many/4 + 17, many/3 + 5, 0} {
					s, err := there.api(f).Open(f, list(f, all), position)
					if err != nil {
						t.Fatal(err)
					}
					done := bring(t.Context(), ours.Tenant("acme"), f, s, stop)
					if stop > 0 && !errors.Is(done.err, context.Canceled) || stop == 0 && done.err != nil {
						t.Fatalf("interrupted after %d: %v", stop, done.err)
					}
					if len(done.rejected) > 0 {
						t.Fatalf("rejected: %q", done.rejected)
					}
					position, answered = done.position, answered+done.answered
				}
				if answered < many {
					t.Errorf("%d rows were answered", answered)
				}
				compare(t, f, theirs, ours, all)
			})
		})
	}
}

// list returns the IDs as the file that names them; nil where the vendor lists them itself.
func list(f vendors.Format, all []string) io.Reader {
	if f != vendors.Sensay {
		return nil
	}
	return strings.NewReader(strings.Join(all, "\n"))
}

// compare checks that both registries show the same under all IDs, and that ours has no more.
func compare(t *testing.T, f vendors.Format, theirs, ours *enduser.Manager, all []string) {
	t.Helper()
	from, to := family(t, f, theirs), family(t, f, ours)
	if len(all) != many || len(ids(t, f, ours)) != many {
		t.Fatalf("there are %d, here %d", len(all), len(ids(t, f, ours)))
	}
	for _, id := range all {
		if diff := cmp.Diff(show(t, f, from, id), show(t, f, to, id)); diff != "" {
			t.Fatalf("%s: -there +here:\n%s", id, diff)
		}
	}
}
