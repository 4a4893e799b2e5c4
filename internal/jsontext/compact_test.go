package jsontext_test

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/internal/jsontext"
)

func TestCompact(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ text, want string }{
		{" null ", "null"},
		{"\t[ ]\r\n", "[]"},
		{"{ }", "{}"},
		{`{ "a" : [ 1 , true , null , "x" ] , "b" : { } }`, `{"a":[1,true,null,"x"],"b":{}}`},
		{`{"b":1,"a":2}`, `{"a":2,"b":1}`}, // members are sorted
		{`"\u0041\/\u00e9"`, `"A/é"`},
		{`"\ud83d\ude00"`, `"😀"`},
		{`"\uD83D\uDE00"`, `"😀"`},
		{`"\u0000\u001f\u007f"`, "\"\\u0000\\u001f\x7f\""},
		{`"\u000a\u000D\u0009\u0008\u000c"`, `"\n\r\t\u0008\u000c"`},
		{`"\b\f\n\r\t\"\\\/"`, `"\u0008\u000c\n\r\t\"\\/"`},
		{`"\u2028\u003c\u0026"`, "\"\u2028<&\""},
		{`"\ufffd"`, "\"\ufffd\""},
		{`"\ufeff"`, "\"\ufeff\""},
		{`{"\u0061":1}`, `{"a":1}`},
		{"1.0", "1.0"},
		{"-0", "-0"},
		{"1E5", "1E5"},
	} {
		if got, err := jsontext.Compact(row.text); err != nil || got != row.want {
			t.Errorf("Compact(%q) = %q, %v; want %q", row.text, got, err, row.want)
		}
	}
}

// text draws a string with many characters that are special in JSON and Unicode.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.SampledFrom([]rune("ab\"\\/\b\f\n\r\t\x00\x1f\x7f\u0080é\u2028\ufeff\ufffd😀\U0010ffff"))),
	)
}

// value draws a JSON value as encoding/json with UseNumber decodes it.
func value(depth int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		text().AsAny(),
		rapid.Map(rapid.Int64(), func(n int64) any {
			b, _ := json.Marshal(n)
			return json.Number(b)
		}),
		rapid.Map(rapid.Float64(), func(f float64) any {
			b, err := json.Marshal(f)
			if err != nil { // NaN and infinities
				b = []byte("0")
			}
			return json.Number(b)
		}),
	}
	if depth > 0 {
		leaves = append(leaves,
			rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) }), 0, 5).AsAny(),
			rapid.MapOfN(text(), rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) }), 0, 20).AsAny(),
		)
	}
	return rapid.OneOf(leaves...)
}

func decode(t interface{ Fatalf(string, ...any) }, text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("encoding/json refuses %q: %v", text, err)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("encoding/json finds more behind the value of %q", text)
	}
	return v
}

// Whatever encoding/json writes, in any layout, Compact reads as the same value.
func TestCompactAgainstEncodingJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := value(3).Draw(t, "value")
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(rapid.Bool().Draw(t, "html"))
		if rapid.Bool().Draw(t, "indented") {
			e.SetIndent("\r\t", " \t")
		}
		if err := e.Encode(want); err != nil {
			t.Fatalf("encode: %v", err)
		}
		text := b.String()

		got, err := jsontext.Compact(text)
		if err != nil {
			t.Fatalf("Compact(%q): %v", text, err)
		}
		if !reflect.DeepEqual(decode(t, got), decode(t, text)) {
			t.Fatalf("Compact(%q) = %q, another value", text, got)
		}
		if again, err := jsontext.Compact(got); err != nil || again != got {
			t.Fatalf("Compact(%q) = %q, %v: not idempotent", got, again, err)
		}
		p := jsontext.NewScanner(got)
		if raw, err := p.Raw(); err != nil || raw != got || p.End() != nil {
			t.Fatalf("Raw of %q = %q, %v", got, raw, err)
		}
	})
}

// Two spellings of one value become one text.
func TestCompactIsCanonicalInSpelling(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := text().Draw(t, "s")
		plain := string(jsontext.AppendString(nil, s))
		var escaped strings.Builder // every UTF-16 unit as an escape
		escaped.WriteByte('"')
		for _, r := range s {
			b, _ := json.Marshal(string(r))
			switch {
			case r < 0x10000:
				const digits = "0123456789ABCDEF"
				escaped.WriteString(`\u` + string([]byte{digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15]}))
			default:
				escaped.Write(b[1 : len(b)-1])
			}
		}
		escaped.WriteByte('"')
		a, errA := jsontext.Compact(plain)
		b, errB := jsontext.Compact(escaped.String())
		if errA != nil || errB != nil || a != b || a != plain {
			t.Fatalf("%q: %q, %v; %q: %q, %v", plain, a, errA, escaped.String(), b, errB)
		}
	})
}

// AppendString writes what encoding/json and the scanner read back unchanged.
func TestAppendString(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := text().Draw(t, "s")
		out := jsontext.AppendString([]byte("prefix "), s)
		quoted, found := strings.CutPrefix(string(out), "prefix ")
		if !found {
			t.Fatalf("AppendString damaged its destination: %q", out)
		}
		var oracle string
		if err := json.Unmarshal([]byte(quoted), &oracle); err != nil || oracle != s {
			t.Fatalf("encoding/json reads %q as %q, %v; want %q", quoted, oracle, err, s)
		}
		p := jsontext.NewScanner(quoted)
		if got, err := p.String(); err != nil || got != s || p.End() != nil {
			t.Fatalf("String of %q = %q, %v; want %q", quoted, got, err, s)
		}
	})
	for c := range 0x80 { // every ASCII character, alone
		s := string(rune(c))
		var oracle string
		if err := json.Unmarshal(jsontext.AppendString(nil, s), &oracle); err != nil || oracle != s {
			t.Errorf("AppendString(%q) is read as %q, %v", s, oracle, err)
		}
	}
}

func TestAppendList(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		items []string
		want  string
	}{{nil, `[]`}, {[]string{"a"}, `["a"]`}, {[]string{"a", "", `"`}, `["a","","\""]`}} {
		if got := string(jsontext.AppendList([]byte("before "), row.items, jsontext.AppendString)); got != "before "+row.want {
			t.Errorf("AppendList(%q) = %s", row.items, got)
		}
	}
}

// agree is the property that holds for every text, JSON or not.
func agree(t interface{ Fatalf(string, ...any) }, s string) {
	out, err := jsontext.Compact(s)
	p := jsontext.NewScanner(s)
	raw, rawErr := p.Raw()
	if rawErr == nil {
		rawErr = p.End()
	}
	if (err == nil) != (rawErr == nil) {
		t.Fatalf("Compact(%q): %v; Raw: %v", s, err, rawErr)
	}
	if err != nil {
		detail, ok := err.(*jsontext.Error) //nolint:errorlint // the documented type
		if !ok || detail.Offset < 0 || detail.Offset > len(s) {
			t.Fatalf("Compact(%q): %#v, want an *Error with an offset in the text", s, err)
		}
		// A syntax error here must be one for encoding/json too. A surrogate may be
		// called either.
		if detail.Err == jsontext.ErrSyntax && json.Valid([]byte(s)) && !strings.Contains(s, `\u`) { //nolint:errorlint // the very error
			t.Fatalf("Compact(%q): %v, but it is valid", s, err)
		}
		return
	}
	switch {
	case !json.Valid([]byte(s)):
		t.Fatalf("Compact accepts %q, which is not valid", s)
	case !utf8.ValidString(out) || len(out) > 6*len(s):
		t.Fatalf("Compact(%q) = %q", s, out)
	case strings.TrimSpace(s) != raw:
		t.Fatalf("Raw of %q = %q", s, raw)
	case !reflect.DeepEqual(decode(t, out), decode(t, s)):
		t.Fatalf("Compact(%q) = %q, another value", s, out)
	}
	if again, err := jsontext.Compact(out); err != nil || again != out {
		t.Fatalf("Compact(%q) = %q, %v: not idempotent", out, again, err)
	}
}

// Texts near JSON, valid and broken, are accepted and refused as by encoding/json.
func TestCompactOfAlmostJSON(t *testing.T) {
	t.Parallel()
	tokens := []string{
		"{", "}", "[", "]", ",", ":", " ", "\n", `"a"`, `"b"`, `"\u0061"`, `"`, `\`, `\n`, `\ud800`, `\udc00`, "null", "true",
		"fals", "0", "-", "1", ".", "e", "+", "5", "\xff", "é", "\x00", "1e400",
	}
	rapid.Check(t, func(t *rapid.T) {
		agree(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(tokens), 0, 24).Draw(t, "tokens"), ""))
	})
}

func FuzzCompact(f *testing.F) {
	for _, s := range []string{
		"", "null", " [1, 2.5e3, -0] ", `{"a":{"b":[true,false,null,"x\n\u00e9\ud83d\ude00"]}}`, `{"a":1,"\u0061":2}`,
		`"\ud800"`, `"\ud800\n"`, "\"\xff\"", "1e400", strings.Repeat("[", 33) + strings.Repeat("]", 33), "[1,]", "\ufeff1",
		`{"0":0,"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"0":1}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { agree(t, s) })
}
