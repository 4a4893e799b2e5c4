package ndjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/internal/ndjson"
)

func Example() {
	r := ndjson.NewReader(strings.NewReader("{\"name\":\"Ada\"}\r\n\r\n{\"name\":\"Bob\"}"), 0)
	for row := range r.Rows() {
		if row.Err != nil {
			fmt.Println(row.Err)
			continue
		}
		fmt.Printf("row %d, line %d: %s\n", row.Number, row.Line, row.Text)
	}
	if r.Err() != nil {
		fmt.Println(r.Err())
	}
	// Output:
	// row 0, line 1: {"name":"Ada"}
	// row 1, line 3: {"name":"Bob"}
}

const most = 40 // bytes of a row, in these tests

// read returns all rows as "line:text" or "line!reason", and the error behind them.
func read(text string, wrap func(*strings.Reader) *ndjson.Reader) (rows []string, r *ndjson.Reader) {
	r = wrap(strings.NewReader(text))
	n := 0
	for row := range r.Rows() {
		if row.Number != n {
			rows = append(rows, fmt.Sprintf("number %d instead of %d", row.Number, n))
		}
		n++
		if row.Err != nil {
			rows = append(rows, fmt.Sprintf("%d!%v", row.Line, row.Err))
		} else {
			rows = append(rows, fmt.Sprintf("%d:%s", row.Line, row.Text))
		}
	}
	return rows, r
}

func whole(r *strings.Reader) *ndjson.Reader { return ndjson.NewReader(r, most) }

func byByte(r *strings.Reader) *ndjson.Reader { return ndjson.NewReader(iotest.OneByteReader(r), most) }

func TestRows(t *testing.T) {
	t.Parallel()
	long, tooLong := `"`+strings.Repeat("x", most-2)+`"`, `"`+strings.Repeat("x", most-1)+`"`
	for _, tt := range []struct {
		name, text string
		rows       []string
		err        string
	}{
		{"nothing", "", nil, ""},
		{"a byte order mark alone", "\ufeff", nil, ""},
		{"blank lines alone", "\r\n \n\t", nil, ""},
		{"lines", "1\n{}\n", []string{"1:1", "2:{}"}, ""},
		{"no last line end", "1\n2", []string{"1:1", "2:2"}, ""},
		{"CRLF", "1\r\n2\r\n", []string{"1:1", "2:2"}, ""},
		{"byte order mark", "\ufeff1\n", []string{"1:1"}, ""},
		{"byte order mark, blank line", "\ufeff\n1\n", []string{"2:1"}, ""},
		{"blank lines", "\n\n1\n \t\n\r\n2\n\n", []string{"3:1", "6:2"}, ""},
		{"a second byte order mark", "1\n\ufeff2\n", []string{"1:1", "2:\ufeff2"}, ""}, // JSON says no
		{"an object on several lines", "{\n}\n", []string{"1:{", "2:}"}, ""},
		{"CR alone", "1\r2", []string{"1:1\r2"}, ""},
		{"a Unicode space", "1\n\u00a0\n", []string{"1:1", "2:\u00a0"}, ""},
		{"not UTF-8", "1\n\xff\n3", []string{"1:1", "2!line 2: not UTF-8", "3:3"}, ""},
		{"NUL", "1\n\"\x00\"\n3", []string{"1:1", "2!line 2: a NUL byte", "3:3"}, ""},
		{"as long as may be", long + "\r\n2", []string{"1:" + long, "2:2"}, ""},
		{"too long", tooLong + "\n2", []string{"1!line 1: the row is too long", "2:2"}, ""},
		{"much too long", strings.Repeat(" x", 9000) + "\n2", []string{"1!line 1: the row is too long", "2:2"}, ""},
		{"UTF-16LE", "\xff\xfe{\x00", nil, "line 1: in UTF-16 or UTF-32, not UTF-8"},
		{"UTF-16BE", "\xfe\xff\x00{", nil, "line 1: in UTF-16 or UTF-32, not UTF-8"},
		{"UTF-16LE without a mark", "{\x00}\x00", nil, "line 1: in UTF-16 or UTF-32, not UTF-8"},
		{"UTF-16BE without a mark", "\x00{\x00}", nil, "line 1: in UTF-16 or UTF-32, not UTF-8"},
		{"UTF-32BE", "\x00\x00\xfe\xff", nil, "line 1: in UTF-16 or UTF-32, not UTF-8"},
		{"UTF-32BE without a mark", "\x00\x00\x00{", nil, "line 1: in UTF-16 or UTF-32, not UTF-8"},

		{"empty array", " [ \n] \n", nil, ""},
		{"array", "[1,{\"a\":[1,2]},\"]\"]", []string{"1:1", `1:{"a":[1,2]}`, `1:"]"`}, ""},
		{"array on lines", "\n[\n 1,\n\n {\n \"a\": 1\n }\n]\n", []string{"3:1", "5:{\n \"a\": 1\n }"}, ""},
		{"array with a byte order mark", "\ufeff[1]", []string{"1:1"}, ""},
		{"escapes", `["\"]\\",2]`, []string{`1:"\"]\\"`, "1:2"}, ""},
		{"array not closed", "[1,\n2", []string{"1:1"}, "line 2: not a whole JSON array"},
		{"array cut behind a comma", "[1,", []string{"1:1"}, "line 1: not a whole JSON array"},
		{"array cut in a string", "[1,\"a\n]", []string{"1:1"}, "line 2: not a whole JSON array"},
		{"array cut in an escape", `["\`, nil, "line 1: not a whole JSON array"},
		{"comma at the end", "[1,\n]", []string{"1:1"}, "line 2: not a whole JSON array"},
		{"comma at the beginning", "[,1]", nil, "line 1: not a whole JSON array"},
		{"two commas", "[1,,2]", []string{"1:1"}, "line 1: not a whole JSON array"},
		{"no comma", "[1 2]", []string{"1:1 2"}, ""}, // JSON says no
		{"a row behind the array", "[1]\n2", []string{"1:1"}, "line 2: not a whole JSON array"},
		{"lines, then an array", "1\n[2]", []string{"1:1", "2:[2]"}, ""},
		{"an array on each line", "[1]\n[2]", []string{"1:1"}, "line 2: not a whole JSON array"},
		{"item not UTF-8", "[\"\xff\",2]", []string{"1!line 1: not UTF-8", "1:2"}, ""},
		{"item with NUL", "[\"\x00\",\n2]", []string{"1!line 1: a NUL byte", "2:2"}, ""},
		{"item too long", "[" + tooLong + ",2]", []string{"1!line 1: the row is too long", "1:2"}, ""},
		{"deep", "[" + strings.Repeat("[", 15) + strings.Repeat("]", 15) + "]", []string{"1:" + strings.Repeat("[", 15) + strings.Repeat("]", 15)}, ""},
	} {
		for how, wrap := range map[string]func(*strings.Reader) *ndjson.Reader{"whole": whole, "by byte": byByte} {
			rows, r := read(tt.text, wrap)
			said := ""
			if r.Err() != nil {
				said = r.Err().Error()
			}
			if diff := cmp.Diff(tt.rows, rows); diff != "" || said != tt.err {
				t.Errorf("%s, %s: error %q, want %q; rows -want +got:\n%s", tt.name, how, said, tt.err, diff)
			}
		}
	}
}

func TestErrorsHaveAReason(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"\xff\xfe": ndjson.ErrUTF16, "\xfe\xff": ndjson.ErrEncoding, "[": ndjson.ErrArray,
	} {
		_, r := read(text, whole)
		if !errors.Is(r.Err(), want) {
			t.Errorf("%q: %v, want %v", text, r.Err(), want)
		}
		if e, ok := errors.AsType[*ndjson.Error](r.Err()); !ok || e.Line != 1 {
			t.Errorf("%q: %#v", text, r.Err())
		}
	}
}

// An error of the reader below is that of Err, wherever it comes.
func TestReaderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for text, want := range map[string]int{
		"": 0, "\ufeff": 0, "\n": 0, "1\n2": 1, "1\n2\n": 2, "[": 0, "[1": 0, "[1,": 1, `["\`: 0, "[1]": 1, "[1]\n": 1,
	} {
		rows := 0
		r := ndjson.NewReader(&failing{text: text, err: broken}, most)
		for range r.Rows() {
			rows++
		}
		if !errors.Is(r.Err(), broken) || rows != want {
			t.Errorf("%q: %d rows, want %d; %v", text, rows, want, r.Err())
		}
	}
}

type failing struct {
	text string
	err  error
}

func (f *failing) Read(b []byte) (int, error) {
	n := copy(b, f.text)
	f.text = f.text[n:]
	if n == 0 {
		return 0, f.err
	}
	return n, nil
}

// A loop that is broken out of has no error.
func TestBreak(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1\n2\n", "[1,2"} {
		r := ndjson.NewReader(strings.NewReader(text), 0)
		for range r.Rows() {
			break
		}
		if r.Err() != nil || r.Array() != (text[0] == '[') {
			t.Errorf("%q: %v, array %v", text, r.Err(), r.Array())
		}
	}
}

// The text of a row is of one buffer, however many rows there are.
func TestMemoryIsThatOfARow(t *testing.T) { // not parallel: it counts allocations
	for _, text := range []string{strings.Repeat("{}\n", 1000), "[" + strings.Repeat("{},", 999) + "{}]"} {
		got := testing.AllocsPerRun(10, func() {
			r := ndjson.NewReader(strings.NewReader(text), 0)
			for range r.Rows() {
			}
		})
		if got > 20 {
			t.Errorf("%.10q…: %.0f allocations for 1000 rows", text, got)
		}
	}
}

// Whatever encoding/json writes, in lines or as an array, indented or not, is read as it was
// written.
func TestAgainstEncodingJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.MapOf(rapid.StringMatching(`[a\]\[{}",\\ \n]{0,5}`), rapid.SliceOfN(rapid.String(), 0, 3))).Draw(t, "values")
		asArray := rapid.Bool().Draw(t, "array")
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		if asArray {
			if rapid.Bool().Draw(t, "indented") {
				e.SetIndent("", "  ")
			}
			if values == nil {
				values = []map[string][]string{}
			}
			_ = e.Encode(values)
		} else {
			for _, v := range values {
				_ = e.Encode(v)
			}
		}
		r := ndjson.NewReader(&text, 0)
		for row := range r.Rows() {
			if row.Err != nil || row.Number >= len(values) {
				t.Fatalf("row %d: %v", row.Number, row.Err)
			}
			want, _ := json.Marshal(values[row.Number])
			var got bytes.Buffer
			if err := json.Compact(&got, row.Text); err != nil || got.String() != string(want) {
				t.Fatalf("row %d: %q, %v, want %q", row.Number, got.String(), err, want)
			}
			values[row.Number] = nil
		}
		for n, v := range values {
			if v != nil {
				t.Fatalf("row %d was not read: %v", n, r.Err())
			}
		}
		if r.Err() != nil || r.Array() != asArray {
			t.Fatalf("%v, array %v", r.Err(), r.Array())
		}
	})
}

// No text makes the reader fall, and a row is never longer than it may be.
func FuzzRows(f *testing.F) {
	for _, s := range []string{"", "1\n2", "[1,2]", "\ufeff[\"\\\"\"]", "\xff\xfe", "[{]", "1\r\n\x00", "[[[,]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, r := read(s, whole)
		b, again := read(s, byByte)
		if diff := cmp.Diff(a, b); diff != "" || fmt.Sprint(r.Err()) != fmt.Sprint(again.Err()) {
			t.Fatalf("read by byte: %v, %v\n%s", r.Err(), again.Err(), diff)
		}
		if r.Array() && r.Err() == nil && json.Valid([]byte(s)) {
			var items []json.RawMessage
			if err := json.Unmarshal([]byte(s), &items); err != nil || len(items) != len(a) {
				t.Fatalf("%d rows of %d items: %v", len(a), len(items), err)
			}
		}
	})
}
