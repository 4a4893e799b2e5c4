package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

const bulk = "/v1/end-users:bulk"

// bulkRow is the answer to one row.
type bulkRow struct {
	Row        int     `json:"row"`
	Line       int     `json:"line"`
	Outcome    string  `json:"outcome"`
	ID         *string `json:"id"`
	ExternalID *string `json:"external_id"`
	Version    *string `json:"version"`
	Error      problem `json:"error"`
}

// bulk sends rows and returns their answers, which must be as many and in order.
func (s *server) bulk(tb testing.TB, query, body string, options ...option) []bulkRow {
	tb.Helper()
	return s.do(tb, "POST", bulk+query, body, append([]option{with("Content-Type", "application/x-ndjson")}, options...)...).rows(tb)
}

func (a answer) rows(tb testing.TB) (rows []bulkRow) {
	tb.Helper()
	a.want(tb, 200)
	if isArray := strings.HasPrefix(a.Body, "["); isArray != (a.Header.Get("Content-Type") == "application/json") {
		tb.Errorf("%s: %.80s", a.Header.Get("Content-Type"), a.Body)
	} else if isArray {
		a.decode(tb, &rows)
	} else {
		for line := range strings.Lines(a.Body) {
			var row bulkRow
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				tb.Fatal(err)
			}
			rows = append(rows, row)
		}
	}
	for i, row := range rows {
		if row.Row != i || (row.Outcome == "") != (row.Error.Code != "") || (row.Line > 0) != (row.Error.Code != "") {
			tb.Errorf("answer %d: %+v", i, row)
		}
	}
	return rows
}

// said is what the answers say: outcomes, or codes of errors with their lines.
func said(rows []bulkRow) (all []string) {
	for _, row := range rows {
		if row.Error.Code != "" {
			all = append(all, fmt.Sprintf("%d:%s", row.Line, row.Error.Code))
		} else {
			all = append(all, row.Outcome)
		}
	}
	return all
}

func wantSaid(tb testing.TB, rows []bulkRow, want ...string) {
	tb.Helper()
	if diff := cmp.Diff(want, said(rows)); diff != "" {
		tb.Errorf("rows -want +got:\n%s", diff)
	}
}

// TestBulk: the answer has the form and the order of the rows, and says what was done.
func TestBulk(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		first := s.bulk(t, "", "{\"external_id\":\"a\",\"name\":\"Ann\"}\n{\"external_id\":\"b\",\"provisional\":true}\n")
		wantSaid(t, first, "created", "created")
		rows := s.bulk(t, "", `[{"external_id":"A"}, {"external_id":"b"},
			{"external_id":"a","name":"Bea"}, {"external_id":"c","admin":1}, {"name":"x"}, {"external_id":"c"}]`)
		wantSaid(t, rows, "unchanged", "updated", "updated", "2:invalid", "2:invalid", "created")
		if *rows[0].ID != *first[0].ID || *rows[0].Version != *first[0].Version || *rows[0].ExternalID != "a" || *rows[3].ExternalID != "c" {
			t.Errorf("%+v", rows)
		}
		if p := rows[3].Error; len(p.Errors) != 1 || p.Errors[0].Pointer != "/admin" || p.RequestID != "" || p.Status != 400 {
			t.Errorf("%+v", p)
		}
		u := s.do(t, "GET", "/v1/end-users/"+*rows[2].ID, "").want(t, 200).user(t)
		if *u.Name != "Bea" || u.Version != *rows[2].Version {
			t.Errorf("%+v", u)
		}
		if u := s.do(t, "GET", "/v1/end-users/"+*rows[1].ID, "").user(t); u.ExpiresAt != nil {
			t.Error("a row that is not provisional left a user provisional")
		}
		for _, none := range []string{"[]", " [ ]\n", "", "\n\n", "\ufeff"} {
			wantSaid(t, s.bulk(t, "", none))
		}
		s.do(t, "POST", bulk, "", with("Content-Type", "application/json")).wantCode(t, 400, "malformed-json")
	})
}

func TestBulkParameters(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		kept := s.create(t, `{"external_id":"kept"}`)
		unchanged := apitest.StateOf(t, s.users.Tenant("acme"))
		rows := s.bulk(t, "?dry_run=true", `[{"external_id":"kept"},{"external_id":"kept","name":"x"},{"external_id":"new"},{"id":"x"}]`)
		wantSaid(t, rows, "unchanged", "updated", "created", "1:invalid")
		if *rows[1].ID != kept.ID || rows[2].ID != nil || rows[2].Version != nil {
			t.Errorf("%+v", rows)
		}
		wantSaid(t, s.bulk(t, "?atomic=true", `[{"external_id":"x"},{"external_id":"<"}]`), "1:not-written", "1:invalid")
		many := "[" + strings.Repeat(`{"external_id":"x"},`, 200) + `{"external_id":"x"}]`
		s.do(t, "POST", bulk+"?atomic=true", many).wantCode(t, 400, "invalid")
		if diff := cmp.Diff(unchanged, apitest.StateOf(t, s.users.Tenant("acme"))); diff != "" {
			t.Errorf("something was written:\n%s", diff)
		}
		wantSaid(t, s.bulk(t, "?atomic=true&dry_run=false", `[{"external_id":"x"},{"external_id":"y"}]`), "created", "created")

		const old = `{"id":"old-7","external_id":"crm-7","created_at":"2020-02-03T04:05:06Z","created_by":"old"}`
		wantSaid(t, s.bulk(t, "", old), "1:invalid")
		rows = s.bulk(t, "?import=true", old+"\n"+
			`{"id":"old-7","name":"Ann","created_by":null}`+"\n"+`{"id":"CRM-7"}`+"\n"+`{"id":"a b","created_at":"2020-02-03"}`+"\n"+
			`{"id":"old-8","created_at":"2999-02-03T04:05:06Z"}`+"\n"+`{"id":null,"external_id":"z"}`)
		wantSaid(t, rows, "created", "updated", "3:conflict", "4:invalid", "5:invalid", "6:invalid")
		if rows[2].Error.Field != "id" || rows[2].Error.HolderID != "old-7" || *rows[2].ID != "CRM-7" {
			t.Errorf("%+v", rows[2])
		}
		u := s.do(t, "GET", "/v1/end-users/old-7", "").want(t, 200).user(t)
		if !strings.HasPrefix(u.CreatedAt, "2020-02-03T04:05:06") || *u.CreatedBy != "old" || *u.Name != "Ann" {
			t.Errorf("%+v", u)
		}
		for _, query := range []string{"?dry_run=1", "?atomic=yes", "?import=TRUE", "?nobodys=1", "?atomic=true&atomic=true"} {
			s.do(t, "POST", bulk+query, "[]").wantCode(t, 400, "invalid")
		}
		for _, header := range []string{"If-Match", "If-None-Match"} {
			s.do(t, "POST", bulk, "[]", with(header, "*")).wantCode(t, 400, "unsupported-precondition")
			s.do(t, "POST", many500, `{"refs":[]}`, with(header, `"x"`)).wantCode(t, 400, "unsupported-precondition")
		}
	})
}

// TestHostileFiles: files as people have them. What is wrong with a row is said of that row, and
// the others are written.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	const a, b = `{"external_id":"a"}`, `{"external_id":"b"}`
	utf16le := func(s string) string {
		var out []byte
		for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
			out = append(out, byte(u), byte(u>>8))
		}
		return string(out)
	}
	long := `{"external_id":"` + strings.Repeat("x", 2000) + `"}`
	for _, tt := range []struct {
		name, body string
		want       []string // or the code of the whole
	}{
		{"byte order mark", "\ufeff" + a + "\n" + b + "\n", []string{"created", "created"}},
		{"CRLF, no last line end", a + "\r\n\r\n" + b, []string{"created", "created"}},
		{"blank lines", "\n \n" + a + "\n\n\n{\n", []string{"created", "6:malformed-json"}},
		{"UTF-16", utf16le(a), []string{"malformed-json"}},
		{"UTF-16 without a mark", utf16le(a)[2:], []string{"malformed-json"}},
		{"NUL", a + "\n{\"external_id\":\"\x00\"}\n" + b, []string{"created", "2:malformed-json", "created"}},
		{"invalid UTF-8", "{\"external_id\":\"\xff\"}\n" + a, []string{"1:malformed-json", "created"}},
		{"10,001 rows", strings.Repeat(a+"\n", 10_001), []string{"too-many-rows"}},
		{"10,001 items", "[" + strings.Repeat(a+",", 10_000) + a + "]", []string{"too-many-rows"}},
		{"a long line", a + "\n" + long + "\n" + b, []string{"created", "2:too-large", "created"}},
		{"a long item", "[" + a + ",\n" + long + "]", []string{"created", "2:too-large"}},
		{"a line as long as all", strings.Repeat("x", 1<<20), []string{"1:too-large"}},
		{"deep nesting", `{"metadata":` + strings.Repeat("[", 400) + strings.Repeat("]", 400) + "}\n" + a, []string{"1:malformed-json", "created"}},
		{"deep array", strings.Repeat("[", 2000) + strings.Repeat("]", 2000), []string{"1:too-large"}},
		{"duplicate member", `{"external_id":"a","external_id":"b"}` + "\n" + a, []string{"1:malformed-json", "created"}},
		{"duplicate row", a + "\n" + a, []string{"created", "unchanged"}},
		{"an array, then lines", "[" + a + "]\n" + b, []string{"malformed-json"}},
		{"lines, then an array", a + "\n[" + b + "]", []string{"created", "2:malformed-json"}},
		{"lines with commas", a + ",\n" + b, []string{"1:malformed-json", "created"}},
		{"array without commas", "[" + a + "\n" + b + "]", []string{"1:malformed-json"}},
		{"array that is cut off", "[" + a + "," + b, []string{"malformed-json"}},
		{"comma at the end", "[" + a + ",]", []string{"malformed-json"}},
		{"an object on lines", "{\n\"external_id\":\"a\"\n}", []string{"1:malformed-json", "2:malformed-json", "3:malformed-json"}},
		{"other values", "1\n\"a\"\nnull\n[]", []string{"1:malformed-json", "2:malformed-json", "3:malformed-json", "4:malformed-json"}},
		{"CSV", "external_id,name\na,Ann", []string{"1:malformed-json", "2:malformed-json"}},
		{"a page of users", `{"data":[` + a + `]}`, []string{"1:invalid"}},
		{"an ID that is a number", `{"external_id":1}`, []string{"1:invalid"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil, &httpapi.Options{MaxBody: 1000})
			answer := s.do(t, "POST", bulk, tt.body, with("Content-Type", "application/jsonl"))
			written := len(s.do(t, "GET", "/v1/changes", "").Body) > 100
			if answer.Status != 200 {
				if got := answer.problem(t).Code; got != tt.want[0] || written {
					t.Errorf("got %d %s, want %s; written: %v", answer.Status, answer.Body, tt.want[0], written)
				}
				return
			}
			wantSaid(t, answer.rows(t), tt.want...)
			if want := slices.Contains(tt.want, "created"); written != want {
				t.Errorf("something was written: %v", written)
			}
		})
	}
}

// TestBulkBodies: a body may have 32 MiB, whole or inflated, and not a byte more.
func TestBulkBodies(t *testing.T) {
	t.Parallel()
	most := size.Pick(t, 2<<20, 32<<20, 32<<20)
	s := newServer(t, memory.New(nil), &httpapi.Options{MaxBulk: int64(most) % (32 << 20)}) // 0 is 32 MiB
	zip := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(text)) // never fails: bytes.Buffer
		_ = w.Close()
		return b.String()
	}
	gzipped := with("Content-Encoding", "gzip")
	const a = `{"external_id":"a"}`
	whole := strings.Repeat(" ", most-len(a)) + a
	wantSaid(t, s.bulk(t, "", whole), "created")
	wantSaid(t, s.bulk(t, "", zip(whole), gzipped), "unchanged")
	wantSaid(t, s.bulk(t, "", strings.Repeat("x", most)), "1:too-large")
	for _, options := range [][]option{nil, {unsized}} {
		s.do(t, "POST", bulk, whole+" ", options...).wantCode(t, 413, "too-large")
	}
	bomb := zip(strings.Repeat(" ", 10*most))
	s.do(t, "POST", bulk, bomb, gzipped).wantCode(t, 413, "too-large")
	s.do(t, "POST", bulk, a, func(r *http.Request) {
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(a), failing{}))
	}).wantCode(t, 400, "malformed-body")
	s.do(t, "POST", bulk, zip(a)+"x", gzipped).wantCode(t, 400, "malformed-body")
	s.do(t, "POST", bulk, zip(a)[:20], gzipped).wantCode(t, 400, "malformed-body")
	for _, types := range []string{"text/plain", "text/csv", "application/json; charset=utf-16", "application/x-ndjson; charset=latin1"} {
		s.do(t, "POST", bulk, a, with("Content-Type", types)).wantCode(t, 415, "unsupported-media-type")
	}
}

// TestBulkFails: when the store fails in the middle, rows with an answer are written, and to send
// the others again completes the file.
func TestBulkFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		code string
	}{
		"unavailable": {store.ErrUnavailable, "unavailable"}, "lost": {store.ErrUnknown, "outcome-unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := &faultstore.Store{Store: memory.New(nil)}
			fail := true
			fs.OnApply = func(_ int64, ops []store.Op) error { // of the chunks, only that of the first row is written
				if first := ops[0].New; !fail || first != nil && slices.ContainsFunc(first.Unique, func(k store.Key) bool { return strings.EqualFold(k.Value, "u0") }) {
					return nil
				}
				return tt.err
			}
			s := newServer(t, fs, nil)
			var file []string
			for i := range 1000 {
				file = append(file, fmt.Sprintf(`{"external_id":"u%d"}`, i))
			}
			rows := s.bulk(t, "", strings.Join(file, "\n"))
			answered := 0
			for answered < len(rows) && rows[answered].Error.Code == "" {
				answered++
			}
			if answered == 0 || answered == len(file) || len(rows) != len(file) {
				t.Fatalf("%d of %d rows are answered", answered, len(rows))
			}
			for i, row := range rows[answered:] {
				if want := map[bool]string{true: tt.code, false: "unanswered"}[i == 0]; row.Error.Code != want || row.Error.Status != 503 || row.Line != answered+i+1 {
					t.Fatalf("row %d: %+v, want %s", answered+i, row, want)
				}
			}
			s.do(t, "POST", bulk, strings.Join(file[answered:], "\n")).wantCode(t, 503, tt.code) // no row has an answer
			fail = false
			for _, row := range s.bulk(t, "", strings.Join(file[answered:], "\n")) {
				if row.Error.Code != "" {
					t.Fatalf("again: %+v", row)
				}
			}
			if n := len(s.bulk(t, "?dry_run=true", strings.Join(file, "\n"))); n != len(file) {
				t.Errorf("%d rows", n)
			}
			for _, row := range s.bulk(t, "?dry_run=true", strings.Join(file, "\n")) {
				if row.Outcome != "unchanged" {
					t.Fatalf("%+v", row)
				}
			}
		})
	}
}

// TestBulkRights: import is a right of its own, rows need no other, and a conflict names the
// holder only to a credential that may read it, which is asked once.
func TestBulkRights(t *testing.T) {
	t.Parallel()
	r := &rights{err: httpapi.ErrForbidden, allowed: []string{"bulkEndUsers"}}
	s := newServer(t, nil, &httpapi.Options{Authorize: r.authorize})
	s.bulk(t, "", `[{"external_id":"a","linked_accounts":[{"type":"x","id":"1"}],"provisional":true}]`)
	const taken = `{"external_id":"b","linked_accounts":[{"type":"x","id":"1"}]}`
	r.asked = nil
	rows := s.bulk(t, "", taken+"\n"+taken+"\n"+`{"external_id":"a"}`)
	wantSaid(t, rows, "1:conflict", "2:conflict", "updated")
	if diff := cmp.Diff([]string{"bulkEndUsers!", "getEndUser"}, r.asked); diff != "" || rows[0].Error.HolderID != "" {
		t.Errorf("holder %q, asked:\n%s", rows[0].Error.HolderID, diff)
	}
	s.do(t, "POST", bulk+"?import=true", `[{"external_id":"a"}]`).wantCode(t, 403, "forbidden")
	r.err = errors.New("down")
	s.do(t, "POST", bulk+"?import=true", `[{"external_id":"a"}]`).wantCode(t, 503, "unavailable")
	r.allowed = append(r.allowed, "importEndUsers", "getEndUser")
	wantSaid(t, s.bulk(t, "?import=true", `[{"id":"a-1"}]`), "created")
	if rows := s.bulk(t, "", taken); rows[0].Error.HolderID == "" {
		t.Errorf("%+v", rows)
	}
	s.do(t, "POST", many500, `{"refs":[]}`).wantCode(t, 503, "unavailable")
}

// TestBulkFaults: an answer is not many times as long as its request.
func TestBulkFaults(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	var members []string
	for i := range 100 {
		members = append(members, fmt.Sprintf(`"m%d":1`, i))
	}
	rows := s.bulk(t, "", `{"external_id":"`+strings.Repeat("x", 2000)+`",`+strings.Join(members, ",")+"}")
	if rows[0].ExternalID != nil || len(rows[0].Error.Errors) != 8 {
		t.Errorf("%+v", rows)
	}
}

const many500 = "/v1/end-users:get"

func TestGetMany(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		a := s.create(t, `{"external_id":"crm-a","email":"ann@example.com","linked_accounts":[{"type":"x","id":"1"}]}`)
		b := s.create(t, `{"external_id":"crm-b","email":"ann@example.com"}`)
		var got struct {
			Data []struct {
				User  *user   `json:"user"`
				Error problem `json:"error"`
			} `json:"data"`
		}
		s.do(t, "POST", many500, fmt.Sprintf(`{"refs":[{"id":%q},{"external_id":"CRM-B"},{"any_id":"crm-a"},{"any_id":%q},
			{"linked_account":{"type":"x","id":"1"}},{"id":%q},{"email":"ann@example.com"},{"id":"none"},{"external_id":"\u0000"}]}`, a.ID, b.ID, a.ID)).
			want(t, 200).decode(t, &got)
		want := []string{a.ID, b.ID, a.ID, b.ID, a.ID, a.ID, "ambiguous", "not-found", "invalid"}
		for i, found := range got.Data {
			is := found.Error.Code
			if found.User != nil {
				is = found.User.ID
			}
			if is != want[i] {
				t.Errorf("%d: %s, want %s", i, is, want[i])
			}
		}
		if len(got.Data) != len(want) || got.Data[0].User.Version != a.Version {
			t.Errorf("%+v", got.Data)
		}
		refs := func(n int) string { return `{"refs":[` + strings.Repeat(`{"id":"x"},`, n-1) + `{"id":"x"}]}` }
		s.do(t, "POST", many500, refs(500)).want(t, 200)
		if body := s.do(t, "POST", many500, `{"refs":[]}`).want(t, 200).Body; body != `{"data":[]}` {
			t.Errorf("no references: %s", body)
		}
		for body, pointer := range map[string]string{
			refs(501): "/refs", `{}`: "/refs", `{"refs":null}`: "/refs", `{"refs":{}}`: "/refs", `{"refs":[],"x":1}`: "/x",
			`{"refs":["x"]}`: "/refs/0", `{"refs":[{}]}`: "/refs/0", `{"refs":[{"id":"a","email":"b"}]}`: "/refs/0", `{"refs":[{"id":1}]}`: "/refs/0/id",
			`{"refs":[{"id":"x"},{"name":"x"}]}`: "/refs/1/name", `{"refs":[{"linked_account":"x"}]}`: "/refs/0/linked_account",
			`{"refs":[{"linked_account":{"type":1,"id":"x"}}]}`: "/refs/0/linked_account", `{"refs":[{"linked_account":{"x":"1"}}]}`: "/refs/0/linked_account",
		} {
			if p := s.do(t, "POST", many500, body).wantCode(t, 400, "invalid"); len(p.Errors) != 1 || p.Errors[0].Pointer != pointer {
				t.Errorf("%.60s: %+v, want %s", body, p.Errors, pointer)
			}
		}
	})
}

// TestGetManyUnreadable: a user that cannot be read does no harm to the others.
func TestGetManyUnreadable(t *testing.T) {
	t.Parallel()
	st := memory.New(nil)
	s := newServer(t, st, nil)
	bad, good := s.create(t, `{"external_id":"bad"}`), s.create(t, `{"external_id":"good"}`)
	r, err := st.Get(t.Context(), "acme", store.ID(bad.ID))
	if err != nil {
		t.Fatal(err)
	}
	spoilt := r
	spoilt.Data = []byte("{")
	if _, err := st.Apply(t.Context(), "acme", store.Ops(store.Replace(r, spoilt, nil))); err != nil {
		t.Fatal(err)
	}
	a := s.do(t, "POST", many500, `{"refs":[{"id":"`+bad.ID+`"},{"id":"`+good.ID+`"}]}`).want(t, 200)
	if !strings.Contains(a.Body, `{"data":[{"error":{`) || !strings.Contains(a.Body, `"code":"corrupt"`) || !strings.Contains(a.Body, `{"user":{"id":"`+good.ID) {
		t.Errorf("%s", a.Body)
	}
	wantSaid(t, s.bulk(t, "", "{\"external_id\":\"bad\"}\n{\"external_id\":\"good\"}"), "1:corrupt", "unchanged")
}
