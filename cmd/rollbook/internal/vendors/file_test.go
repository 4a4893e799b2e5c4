package vendors_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
)

// In each form people find what the vendor sent, each row is named by its line.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		format vendors.Format
		text   string
		rows   []string // "line: ID" or "line! error"
		err    string
	}{
		{"nothing", vendors.Sensay, "", nil, ""},
		{"blank lines", vendors.Sensay, "\n \n", nil, ""},
		{"lines", vendors.Sensay, "{\"id\":\"a\"}\r\n\n{\"id\":\"b\"}", []string{"line 1: a", "line 3: b"}, ""},
		{"an array", vendors.Sensay, "[\n {\"id\":\"a\"},\n {\n  \"id\":\"b\"}]\n", []string{"line 2: a", "line 3: b"}, ""},
		{"an object over many lines", vendors.Sensay, "{\n \"id\":\n  \"a\"}\n", []string{"line 1: a"}, ""},
		{"objects over many lines", vendors.Sensay, "\ufeff\n{\n \"id\": \"a\"\n}\n{ \"id\": \"b\"\n}\n", []string{"line 2: a", "line 5: b"}, ""},
		{
			"a page of Ada", vendors.Ada, "{\n\"data\": [\n  {\"end_user_id\": \"a\"},\n\n  {\"end_user_id\": \"b\"}\n], \"meta\": {\"next_page_url\": null}}",
			[]string{"line 3: a", "line 5: b"},
			"",
		},
		{
			"pages of Ada on lines", vendors.Ada,
			`{"meta":{},"data":[{"end_user_id":"a"},{"end_user_id":"b"}]}` + "\n" + `{"data":[{"end_user_id":"c"}]}` + "\n" + `{"end_user_id":"d"}`,
			[]string{"line 1: a", "line 1: b", "line 2: c", "line 3: d"},
			"",
		},
		{
			"pages of Ada in an array", vendors.Ada, "[{\"data\":[{\"end_user_id\":\"a\"},\n{\"end_user_id\":\"b\"}]},\n{\"data\":[]}]",
			[]string{"line 1: a", "line 2: b"},
			"",
		},
		{"an event of Ada", vendors.Ada, `{"type":"v1.end_user.created","data":{"end_user_id":"a"}}`, []string{"line 1: a"}, ""},
		{"a page of MagickMind", vendors.MagickMind, `{"data":[{"id":"a"}],"paging":{"has_more":false}}`, []string{"line 1: a"}, ""},
		{"an empty page of MagickMind", vendors.MagickMind, `{"data":null,"paging":{"has_more":false}}`, nil, ""},
		{
			"a page of Explo", vendors.Explo, `{"total_count":2,"results":{"customers":[{"provided_id":"a"},{"provided_id":"b"}]}}`,
			[]string{"line 1: a", "line 1: b"},
			"",
		},
		{"an older page of Explo", vendors.Explo, `{"success":1,"customers":[{"provided_id":"a"}],"new_customer":true}`, []string{"line 1: a"}, ""},
		{
			"answers of Explo", vendors.Explo, `{"success":1,"user_group":{"provided_id":"a"}}` + "\n" + `{"success":1,"customer":{"provided_id":"b"}}`,
			[]string{"line 1: a", "line 2: b"},
			"",
		},

		{"a row is cut off", vendors.Sensay, "{\"id\":\"a\"\n{\"id\":\"b\"}\n", []string{"line 1! at byte 9: not valid JSON", "line 2: b"}, ""},
		{"a row is not UTF-8", vendors.Sensay, "{\"id\":\"\xff\"}\n{\"id\":\"b\"}\n", []string{"line 1! not UTF-8", "line 2: b"}, ""},
		{
			"a row of a page is wrong", vendors.Ada, "{\"data\":[{\"end_user_id\":1},\n{\"end_user_id\":\"b\"}]}",
			[]string{"line 1! end_user_id: at byte 15: another JSON type was expected", "line 2: b"},
			"",
		},
		{"an array is cut off", vendors.Sensay, "[{\"id\":\"a\"},\n", []string{"line 1: a"}, "line 2: not a whole JSON array"},
		{"a page is cut off", vendors.Ada, "{\n\"data\": [\n{\"end_user_id\":\"a\"}", nil, "line 3: not valid JSON"},
		{"a page is wrong", vendors.Ada, "{\n\"data\": [\n{\"end_user_id\":x\"a\"}\n]}", nil, "line 3: not valid JSON"},
		{"UTF-16", vendors.Sensay, "\xff\xfe{\x00", nil, "line 1: in UTF-16 or UTF-32, not UTF-8"},
		{
			"rejected rows, corrected", vendors.Sensay,
			`{"type":"rejected","at":"line 7","error":"no"}` + "\n" + `{"id":"a","name":"rejected"}`,
			[]string{"line 2: a"},
			"",
		},
	} {
		for how, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "by byte": iotest.OneByteReader} {
			s, err := vendors.File(tt.format, wrap(strings.NewReader(tt.text)), "")
			if err != nil {
				t.Fatal(err)
			}
			var rows []string
			for row := range s.Rows(t.Context()) {
				if row.Err != nil {
					rows = append(rows, fmt.Sprintf("%s! %v", row.At, row.Err))
				} else {
					rows = append(rows, row.At+": "+row.ID)
				}
			}
			said := ""
			if s.Err() != nil {
				said = s.Err().Error()
			}
			if diff := cmp.Diff(tt.rows, rows); diff != "" || said != tt.err {
				t.Errorf("%s, %s: error %q, want %q; rows -want +got:\n%s", tt.name, how, said, tt.err, diff)
			}
		}
	}
}

// A walk that begins at a position has the rows behind it.
func TestPositionsInFiles(t *testing.T) {
	t.Parallel()
	text := "{\"id\":\"a\"}\n{\"id\":1}\n\n{\"id\":\"c\"}\n"
	all, err := read(t, vendors.Sensay, text, "")
	if err != nil || len(all) != 3 {
		t.Fatalf("%d rows, %v", len(all), err)
	}
	for i, row := range all {
		rest, err := read(t, vendors.Sensay, text, row.Position)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ats(all[i+1:]), ats(rest)); diff != "" {
			t.Errorf("behind %s: -want +got:\n%s", row.At, diff)
		}
	}
	for _, after := range []string{"ada:row:1", "sensay:page:/", "sensay:row:-1", "sensay:row:", "1"} {
		if _, err := vendors.File(vendors.Sensay, strings.NewReader(text), after); err == nil {
			t.Errorf("%q was accepted as a position", after)
		}
	}
}

func ats(rows []vendors.Row) (at []string) {
	for _, row := range rows {
		at = append(at, row.At)
	}
	return at
}

// What is wrong with the reader below ends the walk with its error.
func TestBrokenReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, head := range []string{"", "{\"id\":\"a\"}\n", "{\n\"id\":", "[{\"id\":"} {
		s, err := vendors.File(vendors.Sensay, io.MultiReader(strings.NewReader(head), iotest.ErrReader(broken)), "")
		if err != nil {
			t.Fatal(err)
		}
		for row := range s.Rows(t.Context()) {
			if row.ID != "a" {
				t.Errorf("behind %q: row %+v", head, row)
			}
		}
		if !errors.Is(s.Err(), broken) {
			t.Errorf("behind %q: error %v", head, s.Err())
		}
	}
}
