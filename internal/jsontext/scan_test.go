package jsontext_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// refusal is a text that Compact must refuse, why, and where. A negative offset
// is not compared.
type refusal struct {
	text   string
	why    error
	offset int
}

func checkRefusals(t *testing.T, rows []refusal) {
	t.Helper()
	for _, row := range rows {
		out, err := jsontext.Compact(row.text)
		if err == nil {
			t.Errorf("Compact(%.60q) = %.60q, want an error", row.text, out)
			continue
		}
		if out != "" {
			t.Errorf("Compact(%.60q) returned %.60q beside the error %v", row.text, out, err)
		}
		if !errors.Is(err, row.why) {
			t.Errorf("Compact(%.60q): %v, want %v", row.text, err, row.why)
		}
		detail, ok := errors.AsType[*jsontext.Error](err)
		if !ok {
			t.Errorf("Compact(%.60q): %T is not an *Error", row.text, err)
			continue
		}
		if row.offset >= 0 && detail.Offset != row.offset {
			t.Errorf("Compact(%.60q): offset %d, want %d", row.text, detail.Offset, row.offset)
		}
	}
}

func TestSyntax(t *testing.T) {
	t.Parallel()
	syntax := jsontext.ErrSyntax
	checkRefusals(t, []refusal{
		{"", syntax, 0},
		{" \t\r\n", syntax, 4},
		{"\ufeff1", syntax, 0}, // a byte order mark is not white space
		{"1\ufeff", syntax, 1},
		{"\u00a01", syntax, 0},
		{"\v1", syntax, 0},
		{"\f1", syntax, 0},
		{"/* c */1", syntax, 0},
		{"1 // c", syntax, 2},
		{"1 2", syntax, 2},
		{"{} {}", syntax, 3},
		{"null,", syntax, 4},
		{"[1]]", syntax, 3},
		{"\x00", syntax, 0},
		{"1\x00", syntax, 1},

		{"nul", syntax, 0},
		{"Null", syntax, 0},
		{"nulll", syntax, 4},
		{"tru", syntax, 0},
		{"TRUE", syntax, 0},
		{"falsey", syntax, 5},
		{"NaN", syntax, 0},
		{"nan", syntax, 0},
		{"Infinity", syntax, 0},
		{"-Infinity", syntax, 1},
		{"undefined", syntax, 0},

		{"-", syntax, 1},
		{"+1", syntax, 0},
		{"01", syntax, 1},
		{"-01", syntax, 2},
		{"00", syntax, 1},
		{".5", syntax, 0},
		{"5.", syntax, 2},
		{"1.e1", syntax, 2},
		{"1e", syntax, 2},
		{"1e+", syntax, 3},
		{"1e1.5", syntax, 3},
		{"0x10", syntax, 1},
		{"1_000", syntax, 1},
		{"1,5", syntax, 1},
		{"--1", syntax, 1},
		{"٣", syntax, 0},

		{`"`, syntax, 1},
		{`"abc`, syntax, 4},
		{`'abc'`, syntax, 0},
		{`abc`, syntax, 0},
		{"\"a\nb\"", syntax, 2},
		{"\"a\x00b\"", syntax, 2},
		{"\"a\x1fb\"", syntax, 2},
		{"\"\\n\tb\"", syntax, 3},
		{`"\`, syntax, -1},
		{`"\"`, syntax, 3},
		{`"\x41"`, syntax, -1},
		{`"\a"`, syntax, -1},
		{`"\'"`, syntax, -1},
		{`"\U0041"`, syntax, -1},
		{`"\u"`, syntax, -1},
		{`"\u12"`, syntax, -1},
		{`"\u12G4"`, syntax, -1},
		{`"\u 123"`, syntax, -1},
		{`"\u+123"`, syntax, -1},
		{`"\u123`, syntax, -1},
		{"\"\\\x00\"", syntax, -1},

		{"[", syntax, 1},
		{"]", syntax, 0},
		{"[,]", syntax, 1},
		{"[1,]", syntax, 3},
		{"[,1]", syntax, 1},
		{"[1 2]", syntax, 3},
		{"[1;2]", syntax, 2},
		{"[1}", syntax, 2},
		{"[1", syntax, 2},
		{"[1,", syntax, 3},
		{"[nope]", syntax, 1},

		{"{", syntax, 1},
		{"}", syntax, 0},
		{"{,}", syntax, 1},
		{`{"a"}`, syntax, 4},
		{`{"a":}`, syntax, 5},
		{`{"a" 1}`, syntax, 5},
		{`{"a":1,}`, syntax, 7},
		{`{"a":1 "b":2}`, syntax, 7},
		{`{"a":1]`, syntax, 6},
		{`{"a":1`, syntax, 6},
		{`{"a":`, syntax, 5},
		{`{"a`, syntax, 3},
		{`{a:1}`, syntax, 1},
		{`{'a':1}`, syntax, 1},
		{`{"a"::1}`, syntax, 5},
		{`{"a"=1}`, syntax, 4},
	})
}

// A name must be a string: another type there is not JSON, whatever the reason given.
func TestNamesAreStrings(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{1:2}`, `{null:2}`, `{[]:2}`, `{{}:2}`, `{true:1}`, `{"a":1,2:3}`} {
		if out, err := jsontext.Compact(text); err == nil {
			t.Errorf("Compact(%q) = %q, want an error", text, out)
		}
	}
}

func TestUTF8(t *testing.T) {
	t.Parallel()
	why := jsontext.ErrUTF8
	checkRefusals(t, []refusal{
		{"\"\xff\"", why, -1},
		{"\"a\xc3\"", why, -1},
		{"\"\xc0\x80\"", why, -1},         // overlong NUL
		{"\"\xed\xa0\x80\"", why, -1},     // an encoded surrogate
		{"\"\xf4\x90\x80\x80\"", why, -1}, // beyond U+10FFFF
		{"\"\\n\xff\"", why, -1},
		{"{\"\xff\":1}", why, -1},
		{"[\"ok\",\"\x80\"]", why, -1},
		{`"\ud800"`, why, -1},
		{`"\udc00"`, why, -1},
		{`"\ud800x"`, why, -1},
		{`"\ud800\u0041"`, why, -1},
		{`"\ud800\ud800"`, why, -1},
		{`"\udc00\ud800"`, why, -1},
		{`"\uDBFF\uDBFF"`, why, -1},
		{`{"\ud800":1}`, why, -1},
		{`{"a":["\ud83d"]}`, why, -1},
	})
}

// The scanner finds the place of invalid UTF-8, and Compact returns it.
func TestUTF8Offset(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		text   string
		offset int
	}{
		{"\"ab\xff\"", 3},
		{"[\"ok\",\"é\x80\"]", 9},
		{"\"\\n\xff\"", 3},
	} {
		p := jsontext.NewScanner(row.text)
		_, scanErr := p.Raw()
		_, compactErr := jsontext.Compact(row.text)
		for who, err := range map[string]error{"Raw": scanErr, "Compact": compactErr} {
			detail, ok := errors.AsType[*jsontext.Error](err)
			if !ok || !errors.Is(err, jsontext.ErrUTF8) {
				t.Errorf("%s of %q: %v, want ErrUTF8", who, row.text, err)
			} else if detail.Offset != row.offset {
				t.Errorf("%s of %q: offset %d, want %d", who, row.text, detail.Offset, row.offset)
			}
		}
	}
}

// A lone surrogate before an escape is a Unicode error, not a syntax error.
func TestLoneSurrogateBeforeEscape(t *testing.T) {
	t.Parallel()
	checkRefusals(t, []refusal{
		{`"\ud800\n"`, jsontext.ErrUTF8, -1},
		{`"\ud800\\"`, jsontext.ErrUTF8, -1},
		{`"\ud800\""`, jsontext.ErrUTF8, -1},
	})
}

func TestNumberRange(t *testing.T) {
	t.Parallel()
	why := jsontext.ErrNumber
	checkRefusals(t, []refusal{
		{"1e400", why, 0},
		{"-1e400", why, 0},
		{"1E+309", why, 0},
		{"1.8e308", why, 0},
		{" [0, 1e999]", why, 5},
		{"1" + strings.Repeat("0", 309), why, 0},
		{"-9" + strings.Repeat("9", 400), why, 0},
		{"1" + strings.Repeat("0", 400) + ".5", why, 0},
		{"1e99999999999999999999", why, 0},
	})
	for _, text := range []string{
		"0", "-0", "-0.0", "0e5", "1e5", "1E5", "1E+5", "1e-400", "1e308", "1.7976931348623157e308",
		"9223372036854775807", "-9223372036854775808", "9007199254740993", "18446744073709551616",
		"1" + strings.Repeat("0", 308), "0." + strings.Repeat("0", 500) + "1", "1." + strings.Repeat("3", 500),
	} {
		out, err := jsontext.Compact(" " + text + "\n")
		if err != nil || out != text {
			t.Errorf("Compact(%.40q) = %.40q, %v: a number is kept as it is written", text, out, err)
		}
	}
}

func TestInt(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		text string
		want int64
		why  error
	}{
		{"0", 0, nil},
		{"-0", 0, nil},
		{" 7", 7, nil},
		{"9223372036854775807", 1<<63 - 1, nil},
		{"-9223372036854775808", -1 << 63, nil},
		{"9223372036854775808", 0, jsontext.ErrNumber},
		{"-9223372036854775809", 0, jsontext.ErrNumber},
		{"1.5", 0, jsontext.ErrNumber},
		{"1e2", 0, jsontext.ErrNumber},
		{"1e400", 0, jsontext.ErrNumber},
		{`"7"`, 0, jsontext.ErrType},
		{"null", 0, jsontext.ErrType},
		{"", 0, jsontext.ErrSyntax},
		{"-x", 0, jsontext.ErrSyntax},
	} {
		p := jsontext.NewScanner(row.text)
		got, err := p.Int()
		if got != row.want || !errors.Is(err, row.why) {
			t.Errorf("Int of %q = %d, %v; want %d, %v", row.text, got, err, row.want, row.why)
		}
	}
}

// Offsets are those of the offending item, not of the white space in front of it.
func TestOffsetsSkipSpace(t *testing.T) {
	t.Parallel()
	p := jsontext.NewScanner("   9223372036854775808")
	_, err := p.Int()
	if detail, ok := errors.AsType[*jsontext.Error](err); !ok || detail.Offset != 3 {
		t.Errorf("Int: %v, want offset 3", err)
	}
	checkRefusals(t, []refusal{{`{"a":1,   "a":2}`, jsontext.ErrDuplicate, 10}})
}

func TestDepth(t *testing.T) {
	t.Parallel()
	nest := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	const most = jsontext.MaxDepth
	for _, text := range []string{
		nest("[", "", "]", most),
		nest("[", "1", "]", most),
		nest(`{"a":`, "1", "}", most),
		nest(`[{"a":`, "1", "}]", most/2),
		"[" + strings.TrimSuffix(strings.Repeat(nest("[", "", "]", most-1)+",", 50), ",") + "]", // wide is not deep
	} {
		if out, err := jsontext.Compact(text); err != nil || out != text {
			t.Errorf("%.40q…: %v, want it accepted", text, err)
		}
	}
	checkRefusals(t, []refusal{
		{nest("[", "", "]", most+1), jsontext.ErrDepth, most},
		{nest(`{"a":`, "1", "}", most+1), jsontext.ErrDepth, 5 * most},
		{nest("[", "", "]", 100_000), jsontext.ErrDepth, most},
		{nest(`{"a":`, "1", "}", 100_000), jsontext.ErrDepth, 5 * most},
		{strings.Repeat("[", 1_000_000), jsontext.ErrDepth, most},
	})
	p := jsontext.NewScanner(nest("[", "", "]", most+1))
	if _, err := p.Raw(); !errors.Is(err, jsontext.ErrDepth) {
		t.Errorf("Raw: %v, want ErrDepth", err)
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	dup := jsontext.ErrDuplicate
	checkRefusals(t, []refusal{
		{`{"a":1,"a":1}`, dup, 7},
		{`{"a":1,"b":2,"a":3}`, dup, 13},
		{`{"":1,"":1}`, dup, 6},
		{`{"a":1,"\u0061":2}`, dup, 7},
		{`{"\u0061":1,"a":2}`, dup, 12},
		{`{"/":1,"\/":2}`, dup, 7},
		{`{"x":{"a":1,"a":2}}`, dup, 12},
		{`[[{"a":[],"a":[]}]]`, dup, 10},
		{`{"😀":1,"\ud83d\ude00":2}`, dup, -1},
	})
	for _, text := range []string{
		`{"a":1,"A":2}`, `{"a":{"a":{"a":1}}}`, `[{"a":1},{"a":1}]`, `{"a":1,"a ":2}`,
		"{\"\u00e9\":1,\"e\u0301\":2}", // another normal form is another name
		"{\"s\":1,\"\u017f\":2,\"K\":3,\"\u212a\":4}",
	} {
		if out, err := jsontext.Compact(text); err != nil || len(out) != len(text) {
			t.Errorf("Compact(%q) = %q, %v; want it accepted", text, out, err)
		}
	}
}

// A repeated name is found at any two places, also among many names.
func TestDuplicatesAmongMany(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 15, 16, 17, 18, 33, 64, 65, 300} {
		object := func(name func(i int) string) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, `,"%s":%d`, name(i), i)
			}
			return "{" + b.String()[1:] + "}"
		}
		distinct := object(func(i int) string { return fmt.Sprint("k", i) })
		if out, err := jsontext.Compact(distinct); err != nil || len(out) != len(distinct) {
			t.Errorf("%d distinct names: %v", n, err)
		}
		for _, pair := range [][2]int{{0, n - 1}, {0, 1}, {n - 2, n - 1}, {n / 2, n - 1}} {
			if pair[0] == pair[1] {
				continue
			}
			text := object(func(i int) string {
				if i == pair[1] {
					i = pair[0]
				}
				return fmt.Sprint("k", i)
			})
			if _, err := jsontext.Compact(text); !errors.Is(err, jsontext.ErrDuplicate) {
				t.Errorf("%d names, %d and %d equal: %v, want ErrDuplicate", n, pair[0], pair[1], err)
			}
		}
	}
}

// A scanner that expects one type tells another type from broken text.
func TestTypes(t *testing.T) {
	t.Parallel()
	read := map[string]func(*jsontext.Scanner) error{
		"null":   func(p *jsontext.Scanner) error { return p.Null() },
		"bool":   func(p *jsontext.Scanner) error { _, err := p.Bool(); return err },
		"number": func(p *jsontext.Scanner) error { _, err := p.Number(); return err },
		"string": func(p *jsontext.Scanner) error { _, err := p.String(); return err },
		"object": func(p *jsontext.Scanner) error {
			return p.Object(func(string) error { _, err := p.Raw(); return err })
		},
		"array": func(p *jsontext.Scanner) error {
			return p.Array(func() error { _, err := p.Raw(); return err })
		},
	}
	texts := map[string][]string{
		"null": {"null"}, "bool": {"true", "false"}, "number": {"0", "-1.5e3"},
		"string": {`""`, `"a\n"`}, "object": {"{}", `{"a":1}`}, "array": {"[]", "[1,2]"},
	}
	for is, list := range texts {
		for _, text := range list {
			for asked, f := range read {
				p := jsontext.NewScanner(" " + text + " ")
				err := f(&p)
				if asked == is {
					if err = errors.Join(err, p.End()); err != nil {
						t.Errorf("%s read as %s: %v", text, asked, err)
					}
				} else if !errors.Is(err, jsontext.ErrType) {
					t.Errorf("%s read as %s: %v, want ErrType", text, asked, err)
				}
			}
		}
	}
	for asked, f := range read {
		for _, text := range []string{"", "  ", "nul", "tru", "fals", "?", "]", "}", ",", ":"} {
			p := jsontext.NewScanner(text)
			if err := f(&p); !errors.Is(err, jsontext.ErrSyntax) {
				t.Errorf("%q read as %s: %v, want ErrSyntax", text, asked, err)
			}
		}
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]jsontext.Kind{
		"": jsontext.None, " ": jsontext.None, "x": jsontext.None, "]": jsontext.None, "+1": jsontext.None,
		" null": jsontext.Null, "true": jsontext.Bool, "\nfalse": jsontext.Bool, "-1": jsontext.Number,
		"0": jsontext.Number, "\t\"": jsontext.String, "{": jsontext.Object, "\r[": jsontext.Array,
	} {
		p := jsontext.NewScanner(text)
		if got := p.Kind(); got != want {
			t.Errorf("Kind of %q = %q, want %q", text, got, want)
		}
	}
}

// A callback's error is returned unchanged, and a callback that reads nothing cannot make
// the scanner run for ever.
func TestCallbacks(t *testing.T) {
	t.Parallel()
	own := errors.New("own")
	p := jsontext.NewScanner(`{"a":1}`)
	if err := p.Object(func(string) error { return own }); err != own { //nolint:errorlint // the very error
		t.Errorf("Object: %v, want the callback's error", err)
	}
	p = jsontext.NewScanner(`[1]`)
	if err := p.Array(func() error { return own }); err != own { //nolint:errorlint // the very error
		t.Errorf("Array: %v, want the callback's error", err)
	}
	for _, text := range []string{`{"a":1}`, `{"a":}`, `{"a":{}}`} {
		p = jsontext.NewScanner(text)
		_ = p.Object(func(string) error { return nil })
	}
	p = jsontext.NewScanner(`[1,2]`)
	if err := p.Array(func() error { return nil }); !errors.Is(err, jsontext.ErrSyntax) {
		t.Errorf("Array with an idle callback: %v, want ErrSyntax", err)
	}
}

// No error quotes the text that it refuses.
func TestErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	for _, text := range []string{
		`canary`, `"canary`, `{"canary":1,"canary":2}`, `{"canary"}`, `{"a":canary}`, `"canary\x"`, "\"canary\xff\"",
		`"canary\ud800"`, `["canary"`, `"x" canary`, strings.Repeat("[", 40) + `"canary"`,
	} {
		_, err := jsontext.Compact(text)
		if err == nil {
			t.Errorf("Compact(%q) succeeded", text)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("the error quotes the text: %v", err)
		}
	}
	if _, err := jsontext.Compact("1e999"); err == nil || strings.Contains(err.Error(), "999") {
		t.Errorf("the error quotes the number: %v", err)
	}
}

func TestDepthOfText(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		text string
		want int
	}{
		{"1", 0},
		{`"[[["`, 0},
		{"[]", 1},
		{`{"a":[1,{"b":2}],"c":{}}`, 3},
		{`["a long string with \"[[[[\" in it","\\",[["\\\"[",{}]]]`, 4},
		{`{"[\\":["ünï[cödé","\n[\u005b"]}`, 2},
	} {
		if got := jsontext.Depth(row.text); got != row.want {
			t.Errorf("Depth(%s) = %d, want %d", row.text, got, row.want)
		}
	}
}
