package vendors_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors/vendortest"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
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
		if answer(err); ctx.Err() != nil { // answers that are on their way are lost
			break
		}
	}
	if r.err = ctx.Err(); r.err == nil {
		r.err = s.Err()
	}
	return r
}

var formats = []vendors.Format{vendors.Ada, vendors.Explo, vendors.MagickMind, vendors.Sensay}

// many returns how many rows a vendor has.
func many(tb testing.TB) int {
	tb.Helper()
	return size.Pick(tb, 1_500, 5_000, 5_000)
}

// A vendor that refuses, breaks off and has pages is emptied by an import that is interrupted
// twice, and afterwards the same IDs show the same here.
func TestFromTheVendor(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				there := vendortest.New(t, f, many(t))
				there.Spoil = math.MaxInt
				ours := vendortest.Users(t)
				position, answered := "", 0
				for _, stop := range []int{many(t)/4 + 17, many(t)/3 + 5, 0} {
					s, err := there.API().Open(f, there.Names(t), position)
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
				if answered < many(t) {
					t.Errorf("%d rows were answered", answered)
				}
				compare(t, there, ours)
			})
		})
	}
}

// Files of a vendor, as lists of its pages and as rows on lines, are brought in by an import that is
// interrupted twice.
func TestFromFiles(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			there, ours := vendortest.New(t, f, many(t)), vendortest.Users(t)
			saved := there.Saved(t)
			position := ""
			for _, stop := range []int{many(t)/4 + 17, many(t)/3 + 5, 0} {
				s, err := vendors.File(f, strings.NewReader(saved), position)
				if err != nil {
					t.Fatal(err)
				}
				done := bring(t.Context(), ours.Tenant("acme"), f, s, stop)
				if stop > 0 && !errors.Is(done.err, context.Canceled) || stop == 0 && done.err != nil || len(done.rejected) > 0 {
					t.Fatalf("interrupted after %d: %v, rejected %q", stop, done.err, done.rejected)
				}
				position = done.position
			}
			compare(t, there, ours)
		})
	}
}

// compare checks that both registries show the same under all IDs, and that ours has no more.
func compare(t *testing.T, there *vendortest.Vendor, ours *enduser.Manager) {
	t.Helper()
	f := there.Format
	all := vendortest.IDs(t, f, there.Users)
	if in := vendortest.IDs(t, f, ours); len(all) != many(t) || len(in) != many(t) {
		t.Fatalf("there are %d, here %d", len(all), len(in))
	}
	from := vendortest.InProcess(vendortest.Family(t, f, there.Users))
	to := vendortest.InProcess(vendortest.Family(t, f, ours))
	for _, id := range all {
		if diff := cmp.Diff(vendortest.Show(t, f, from, id), vendortest.Show(t, f, to, id)); diff != "" {
			t.Fatalf("%s: -there +here:\n%s", id, diff)
		}
	}
}

var made = regexp.MustCompile(`[0-9a-f]{24}`) // IDs

// A row that cannot be taken is named with its place and a reason, and the rest goes in.
func TestRowsThatAreRejected(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format vendors.Format
		text   string
		want   []string
	}{
		{vendors.Ada, `{"end_user_id":"a1","profile":{"email":"nobody"}}
{"end_user_id":"a2","external_id":"crm-2"}
{"end_user_id":"a3","external_id":"CRM-2"}
{"end_user_id":"a4","external_id":"a-1234567890123456789012345678901234567890"}
{"end_user_id":"a5","created_at":"2999-01-01T00:00:00+00:00"}
{"end_user_id":"a6","external_id":"undefined"}
{"end_user_id":"a 7"}
{"end_user_id":7}`, []string{
			"line 1 (a1): enduser: invalid: email: must be an e-mail address (RFC 5322 addr-spec)",
			"line 3 (a3): enduser: conflict: external_id belongs to user a2",
			"line 4 (a4): enduser: invalid: external_id: must have at most 36 characters",
			"line 5 (a5): enduser: invalid: created_at: must lie between the year 1970 and now",
			`line 7 (a 7): enduser: invalid: id: must be letters, digits, "-" and "_"`,
			"line 8 (): end_user_id: at byte 15: another JSON type was expected",
		}},
		{vendors.MagickMind, `[{"id":"m1","name":"Roy"},
{"id":"m2","external_id":"<b>"},
{"id":"m3"}]`, []string{"line 2 (m2): enduser: invalid: external_id: must not contain < or >"}},
		{vendors.Sensay, `{"id":"s1","email":"a@example.com"}
{"id":"s2","email":"A@example.com"}
{"id":"s3","linkedAccounts":[{"accountID":"1","accountType":"icq"}]}
{"id":"s4","linkedAccounts":[{"accountID":"1","accountType":"embed"}]}
{"id":"s5","linkedAccounts":[{"accountID":"1","accountType":"embed"}]}`, []string{
			"line 2 (s2): enduser: conflict: email belongs to user ID",
			"line 3 (s3): enduser: invalid: linked_accounts[0].type: must be one of discord, telegram, embed",
			"line 5 (s5): enduser: conflict: linked_accounts belongs to user ID",
		}},
		{vendors.Explo, `{"provided_id":"e1","team_id":3}
{"provided_id":"e2","team_id":3}
{"provided_id":"e3","team_id":-3}
{"provided_id":"e4"}
{"provided_id":"e5","token":"guess-me"}`, []string{
			"line 2 (e2): enduser: conflict: number belongs to group ID",
			"line 3 (e3): enduser: invalid: number: must be 1 to 2147483647",
			"line 5 (e5): enduser: invalid: token: must be a string of 32 to 255 characters",
		}},
	} {
		users := vendortest.Users(t)
		s, err := vendors.File(tt.format, strings.NewReader(tt.text), "")
		if err != nil {
			t.Fatal(err)
		}
		done := bring(t.Context(), users.Tenant("acme"), tt.format, s, 0)
		for i, text := range done.rejected {
			done.rejected[i] = made.ReplaceAllString(text, "ID")
		}
		if diff := cmp.Diff(tt.want, done.rejected); diff != "" || done.err != nil {
			t.Errorf("%s: error %v; rejected, -want +got:\n%s", tt.format, done.err, diff)
		}
		if in := len(vendortest.IDs(t, tt.format, users)); in != done.answered-len(done.rejected) || in == 0 {
			t.Errorf("%s: %d of %d rows are in", tt.format, in, done.answered)
		}
	}
}
