package enduser

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/internal/jsontext"
)

func TestValues(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		v    Value
		text string
	}{
		{Null, "null"},
		{Value{}, "null"},
		{String(""), `""`},
		{String("null"), `"null"`},
		{String("a\"\\\n\x00\u2028<>&"), "\"a\\\"\\\\\\n\\u0000\u2028<>&\""},
		{Int(0), "0"},
		{Int(math.MaxInt64), "9223372036854775807"},
		{Int(math.MinInt64), "-9223372036854775808"},
		{Int(9007199254740993), "9007199254740993"},
		{Bool(true), "true"},
		{Bool(false), "false"},
		{Float(1.5), "1.5"},
		{Float(3), "3"},
		{Float(math.MaxFloat64), "1.7976931348623157e+308"},
		{Float(5e-324), "5e-324"},
		{Float(math.Copysign(0, -1)), "-0"},
		{Float(math.NaN()), "null"},
		{Float(math.Inf(1)), "null"},
		{Float(math.Inf(-1)), "null"},
	} {
		if row.v.Text() != row.text {
			t.Errorf("%s, want %s", row.v.Text(), row.text)
		}
		if row.v.IsNull() != (row.text == "null") {
			t.Errorf("%s: IsNull is %t", row.text, row.v.IsNull())
		}
		if !json.Valid([]byte(row.v.Text())) {
			t.Errorf("%s is not JSON", row.text)
		}
		if same, err := JSON(row.text); err != nil || same != row.v {
			t.Errorf("JSON(%s) = %s, %v: not the same value", row.text, same.Text(), err)
		}
		if marshaled, err := row.v.MarshalJSON(); err != nil || string(marshaled) != row.text {
			t.Errorf("MarshalJSON of %s = %s, %v", row.text, marshaled, err)
		}
	}
}

// TestValueAs asks every value for every type.
func TestValueAs(t *testing.T) {
	t.Parallel()
	type got struct {
		Str                string
		Int                int64
		Float              float64
		Bool               bool
		IsS, IsI, IsF, IsB bool
	}
	for text, want := range map[string]got{
		"null":                 {},
		`""`:                   {IsS: true},
		`"a\u00e9\n"`:          {Str: "aé\n", IsS: true},
		`"12"`:                 {Str: "12", IsS: true},
		`"true"`:               {Str: "true", IsS: true},
		"true":                 {Bool: true, IsB: true},
		"false":                {IsB: true},
		"0":                    {IsI: true, IsF: true},
		"-0":                   {IsI: true, Float: math.Copysign(0, -1), IsF: true},
		"12":                   {Int: 12, Float: 12, IsI: true, IsF: true},
		"9223372036854775807":  {Int: math.MaxInt64, Float: math.MaxInt64, IsI: true, IsF: true},
		"-9223372036854775808": {Int: math.MinInt64, Float: math.MinInt64, IsI: true, IsF: true},
		"9007199254740993":     {Int: 9007199254740993, Float: 9007199254740992, IsI: true, IsF: true},
		"1.5":                  {Float: 1.5, IsF: true},
		"1.0":                  {Float: 1, IsF: true},
		"1e2":                  {Float: 100, IsF: true},
		"[1]":                  {},
		`{"a":1}`:              {},
		"[]":                   {},
	} {
		v, err := JSON(text)
		if err != nil {
			t.Errorf("JSON(%s): %v", text, err)
			continue
		}
		var g got
		g.Str, g.IsS = v.Str()
		g.Int, g.IsI = v.Int64()
		g.Float, g.IsF = v.Float64()
		g.Bool, g.IsB = v.Bool()
		if diff := cmp.Diff(want, g); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	// An integer beyond 64 bits: no Int64 answers a part of it.
	for _, text := range []string{"9223372036854775808", "-9223372036854775809", "18446744073709551616"} {
		v, err := JSON(text)
		n, isInt := v.Int64()
		if _, isFloat := v.Float64(); err != nil || isInt || n != 0 || !isFloat || v.Text() != text {
			t.Errorf("%s: Int64 %d, %t; Float64 %t; %v", text, n, isInt, isFloat, err)
		}
	}
	if n, ok := Int(7).Int64(); n != 7 || !ok {
		t.Errorf("Int64 = %d, %t", n, ok)
	}
}

// Values are what is inside, not how it was written.
func TestValuesCompare(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{`"é"`, `"\u00e9"`, true},
		{`"/"`, `"\/"`, true},
		{` { "a" : [ 1 , 2 ] } `, `{"a":[1,2]}`, true},
		{"null", " null ", true},
		{"1", "1.0", false}, // kept exactly as given
		{"1e2", "100", false},
		{"0", "-0", false},
		{`"1"`, "1", false},
		{"[]", "{}", false},
	} {
		a, errA := JSON(row.a)
		b, errB := JSON(row.b)
		if errA != nil || errB != nil || (a == b) != row.want {
			t.Errorf("%s == %s: %t, want %t (%v, %v)", row.a, row.b, a == b, row.want, errA, errB)
		}
	}
	if Int(1) != Float(1) || Int(1) == String("1") || Null != (Value{}) {
		t.Error("constructed values do not compare")
	}
}

func TestJSONIsStrict(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	for _, text := range []string{
		"", " ", "nul", "NaN", "Infinity", "-", "01", "1.", ".5", "+1", "0x1", "1e400", "-1e400", `'a'`, `"a`, "[1,]", `{"a":1,}`,
		`{"a":1} ` + `{"b":2}`, "1 2", "null null", "\ufeff1", "1\ufeff", "\xff", "\"\xff\"", `"\ud800"`, `"\udc00\ud800"`, `"\x41"`,
		"\"a\nb\"", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"x":{"a":1,"a":1}}`, `{a:1}`, "// c\n1", "1//c",
		strings.Repeat("[", 33) + strings.Repeat("]", 33), strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33),
		strings.Repeat("[", 100_000), `{"canary":1,"canary":2}`, `"canary`, `"canary` + "\xff\"",
	} {
		v, err := JSON(text)
		detail, ok := errors.AsType[*InvalidError](err)
		if !ok || !errors.Is(err, ErrInvalid) || len(detail.Violations) != 1 || detail.Violations[0].Code != CodeJSON || v != Null {
			t.Errorf("JSON(%.40q) = %.40q, %v; want an *InvalidError", text, v.Text(), err)
			continue
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("the error quotes the text: %v", err)
		}
		before := String("before")
		if err := before.UnmarshalJSON([]byte(text)); !errors.Is(err, ErrInvalid) || before != String("before") {
			t.Errorf("UnmarshalJSON(%.40q): %v, and the value is %.40s", text, err, before.Text())
		}
	}
	for _, text := range []string{
		"-0", "1e-400", strings.Repeat("[", 32) + strings.Repeat("]", 32), `"\ud83d\ude00"`, `"\u0000"`, `{"a":1,"A":2}`, "\t1\r\n",
	} {
		if _, err := JSON(text); err != nil {
			t.Errorf("JSON(%.40q): %v", text, err)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	v, err := JSON(`{"plan":"pro","seats":9007199254740993}`)
	if err != nil {
		t.Fatal(err)
	}
	var dst struct {
		Plan  string
		Seats int64
	}
	if err := v.Decode(&dst); err != nil || dst.Plan != "pro" || dst.Seats != 9007199254740993 {
		t.Errorf("Decode = %+v, %v", dst, err)
	}
	var p *int
	if err := Null.Decode(&p); err != nil || p != nil {
		t.Errorf("Decode of null = %v, %v", p, err)
	}
	if err := Int(1).Decode(nil); err == nil {
		t.Error("Decode into nil succeeded")
	}
}

// anyValue draws a value of any kind.
func anyValue() *rapid.Generator[Value] {
	return rapid.Map(rapid.OneOf(
		rapid.Map(rapid.String(), String),
		rapid.Map(rapid.Int64(), Int),
		rapid.Map(rapid.Bool(), Bool),
		rapid.Map(rapid.Float64(), Float),
		rapid.Just(Null),
		rapid.Map(rapid.SliceOfN(rapid.String(), 0, 3), func(list []string) Value {
			b := []byte{'['}
			for i, s := range list {
				if i > 0 {
					b = append(b, ',')
				}
				b = jsontext.AppendString(b, s)
			}
			return Value{string(append(b, ']'))}
		}),
		rapid.Map(rapid.String(), func(s string) Value {
			return Value{`{"x":{},` + string(jsontext.AppendString(nil, s+"y")) + ":[null,1.5e3]}"}
		}),
	), func(v Value) Value {
		v, err := JSON(v.Text()) // members in their order
		if err != nil {
			panic(err) //nolint:forbidigo // a generator has no other way
		}
		return v
	})
}

func TestValuesRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue().Draw(t, "v")
		text, err := json.Marshal(v) // escapes <, > and &, which is another spelling of the same
		if err != nil {
			t.Fatal(err)
		}
		again := String("before")
		if err := json.Unmarshal(text, &again); err != nil || again != v {
			t.Fatalf("%s becomes %s, %v", v.Text(), again.Text(), err)
		}
		if s, ok := v.Str(); ok && String(s) != v {
			t.Fatalf("%s: Str %q", v.Text(), s)
		}
		if n, ok := v.Int64(); ok && Int(n) != v && v.Text() != "-0" {
			t.Fatalf("%s: Int64 %d", v.Text(), n)
		}
		if f, ok := v.Float64(); ok {
			if _, isInt := v.Int64(); !isInt && Float(f) != v && v.Text() != "[]" {
				t.Fatalf("%s: Float64 %v", v.Text(), f)
			}
		}
	})
}

func FuzzValueJSON(f *testing.F) {
	for _, s := range []string{
		"null", "-0", "1e400", "9007199254740993", `"a\u00e9\n"`, `"\ud83d\ude00"`, `"\ud800"`, ` {"a":[1,{"b":null}]} `, `{"a":1,"\u0061":2}`,
		"true", "[[[]]]", "\"\xff\"", "12345678901234567890123456789", "\ufeff1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := JSON(s)
		if err != nil {
			if _, ok := errors.AsType[*InvalidError](err); !ok || v != Null {
				t.Fatalf("JSON(%q) = %s, %v", s, v.Text(), err)
			}
			return
		}
		again, err := JSON(v.Text())
		if err != nil || again != v || !json.Valid([]byte(v.Text())) {
			t.Fatalf("JSON(%q) = %q, then %q, %v", s, v.Text(), again.Text(), err)
		}
		kinds := 0
		if v.IsNull() {
			kinds++
		}
		if str, ok := v.Str(); ok {
			kinds++
			if String(str) != v {
				t.Fatalf("JSON(%q): Str %q", s, str)
			}
		}
		if _, ok := v.Float64(); ok {
			kinds++
		}
		if _, ok := v.Bool(); ok {
			kinds++
		}
		if v.text != "" && strings.ContainsAny(v.text[:1], "[{") {
			kinds++
		}
		if kinds != 1 {
			t.Fatalf("JSON(%q) is of %d kinds", s, kinds)
		}
		if _, isInt := v.Int64(); isInt {
			if _, isNumber := v.Float64(); !isNumber {
				t.Fatalf("JSON(%q) is an integer and no number", s)
			}
		}
		var dst any
		if err := v.Decode(&dst); err != nil {
			t.Fatalf("Decode of %q: %v", v.Text(), err)
		}
	})
}
