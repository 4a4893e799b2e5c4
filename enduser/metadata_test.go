package enduser

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var compareValues = cmp.AllowUnexported(Value{})

func TestMerge(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name          string
		m, from, want Metadata
	}{
		{"nothing into nothing", nil, nil, nil},
		{"nothing", Metadata{"a": Int(1)}, nil, Metadata{"a": Int(1)}},
		{"into nothing", nil, Metadata{"a": Int(1)}, Metadata{"a": Int(1)}},
		{"null into nothing", nil, Metadata{"a": Null}, nil},
		{"new", Metadata{"a": Int(1)}, Metadata{"b": Int(2)}, Metadata{"a": Int(1), "b": Int(2)}},
		{"over", Metadata{"a": Int(1)}, Metadata{"a": Int(2)}, Metadata{"a": Int(2)}},
		{"null removes", Metadata{"a": Int(1), "b": Int(2)}, Metadata{"a": Null}, Metadata{"b": Int(2)}},
		{"null of none", Metadata{"a": Int(1)}, Metadata{"b": Null}, Metadata{"a": Int(1)}},
		{"key by key, not deeper", Metadata{"a": Value{`{"x":1}`}}, Metadata{"a": Value{`{"y":1}`}}, Metadata{"a": Value{`{"y":1}`}}},
	} {
		from := maps.Clone(row.from)
		if diff := cmp.Diff(row.want, row.m.merge(row.from), compareValues); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
		if !maps.Equal(from, row.from) {
			t.Errorf("%s: merge changed what it merges", row.name)
		}
	}
}

func anyMetadata() *rapid.Generator[Metadata] {
	return rapid.Map(rapid.MapOfN(rapid.String(), anyValue(), 0, 24), func(m map[string]Value) Metadata { return m })
}

// The size is counted without making the text; it is the text's all the same.
func TestMetadataText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := anyMetadata().Draw(t, "m")
		text, err := m.MarshalJSON()
		if err != nil || len(text) != m.size() {
			t.Fatalf("size %d of %s, which has %d bytes; %v", m.size(), text, len(text), err)
		}
		if again, _ := maps.Clone(m).MarshalJSON(); string(again) != string(text) {
			t.Fatalf("equal metadata, two texts:\n%s\n%s", text, again)
		}
		var again Metadata
		if err := json.Unmarshal(text, &again); err != nil || !maps.Equal(again, m) {
			t.Fatalf("%s is read as %v, %v", text, again, err)
		}
	})
	for _, m := range []Metadata{nil, {}} {
		if text, err := json.Marshal(m); err != nil || string(text) != "{}" || m.size() != 2 {
			t.Errorf("empty metadata is %s, %v, of size %d", text, err, m.size())
		}
	}
}

// What JSON refuses, Metadata refuses too, wherever it stands.
func TestMetadataUnmarshalIsStrict(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":2}}`, `{"a":"\ud800"}`, `{"\ud800":1}`, "{\"a\":\"\xff\"}", "{\"\xff\":1}",
		`{"a":1e400}`, `[]`, `"x"`, `1`, `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}",
	} {
		var m Metadata
		if err := json.Unmarshal([]byte(text), &m); err == nil {
			t.Errorf("%.60q is read as %v, want an error", text, m)
		}
	}
}

type plan struct {
	Plan   string            `json:"plan"`
	Seats  int64             `json:"seats"`
	Ratio  float64           `json:"ratio"`
	Trial  bool              `json:"trial"`
	Since  time.Time         `json:"since"`
	Tags   []string          `json:"tags"`
	Limits map[string]uint64 `json:"limits"`
	Parent *plan             `json:"parent"`
	Note   string            `json:"note,omitempty"`
}

func TestMetadataOfAndAs(t *testing.T) {
	t.Parallel()
	want := plan{
		Plan: "pro <&> \u2028", Seats: 9007199254740993, Ratio: 0.1, Trial: true, Since: time.Date(2024, 2, 29, 1, 2, 3, 4, time.UTC),
		Tags: []string{"a", "\n"}, Limits: map[string]uint64{"x": math.MaxUint64}, Parent: &plan{Seats: math.MinInt64},
	}
	m, err := MetadataOf(want)
	if err != nil {
		t.Fatal(err)
	}
	if m["plan"] != String(want.Plan) || m["seats"] != Int(want.Seats) || m["trial"] != Bool(true) {
		t.Errorf("values as the constructors make them: %v", m)
	}
	if _, ok := m["note"]; ok {
		t.Errorf("an omitted member is there: %v", m)
	}
	got, err := MetadataAs[plan](m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}

	if m, err := MetadataOf(plan{}); err != nil || len(m) != 5 { // tags, limits and parent are null
		t.Errorf("MetadataOf(plan{}) = %v, %v; want the null members left out", m, err)
	}
	if m, err := MetadataOf(map[string]any{"a": 1, "b": nil}); err != nil || !maps.Equal(m, Metadata{"a": Int(1)}) {
		t.Errorf("MetadataOf(map) = %v, %v", m, err)
	}
	if m, err := MetadataOf(Metadata{"a": Int(1)}); err != nil || !maps.Equal(m, Metadata{"a": Int(1)}) {
		t.Errorf("MetadataOf(Metadata) = %v, %v", m, err)
	}
	if got, err := MetadataAs[plan](nil); err != nil || !cmp.Equal(got, plan{}) {
		t.Errorf("MetadataAs(nil) = %v, %v", got, err)
	}
	if got, err := MetadataAs[map[string]any](Metadata{"a": String("x")}); err != nil || got["a"] != "x" {
		t.Errorf("MetadataAs[map] = %v, %v", got, err)
	}
	if _, err := MetadataAs[plan](Metadata{"plan": Int(1)}); err == nil {
		t.Error("MetadataAs of another type succeeded")
	}
}

func TestMetadataOfWhatIsNoObject(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		nil, (*plan)(nil), (map[string]int)(nil), []string(nil), // which are null
		1, "x", true, []int{1}, [2]bool{}, math.NaN(), make(chan int), func() {}, json.RawMessage("{"), json.RawMessage("[]"),
	} {
		if m, err := MetadataOf(v); err == nil || m != nil {
			t.Errorf("MetadataOf(%T) = %v, %v; want an error", v, m, err)
		}
	}
	duplicate := json.RawMessage(`{"a":{"b":1,"b":2}}`)
	if m, err := MetadataOf(duplicate); !errors.Is(err, ErrInvalid) {
		t.Errorf("MetadataOf a duplicate member = %v, %v; want ErrInvalid", m, err)
	}
}

// The texts of errors carry no values, also where encoding/json finds the fault.
func TestMetadataErrorsCarryNoValues(t *testing.T) {
	t.Parallel()
	const canary = "4929123412341234"
	number, text := Value{canary}, String(canary)
	var small int8
	var when time.Time
	_, errAs := MetadataAs[struct {
		Card int8 `json:"card"`
	}](Metadata{"card": number})
	_, errTime := MetadataAs[struct {
		At time.Time `json:"at"`
	}](Metadata{"at": text})
	for name, err := range map[string]error{
		"Decode of a number":     number.Decode(&small),
		"Decode of a time":       text.Decode(&when),
		"Decode of a string":     text.Decode(&small),
		"MetadataAs of a number": errAs,
		"MetadataAs of a time":   errTime,
	} {
		if err == nil {
			t.Errorf("%s succeeded", name)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error quotes the value: %v", name, err)
		}
	}
}
