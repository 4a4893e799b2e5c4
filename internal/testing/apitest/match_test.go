package apitest_test

import (
	"encoding/json"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

func parse(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// A comparison that misses a difference would make every replay worthless.
func TestCompareNotices(t *testing.T) {
	tests := []struct{ name, want, have string }{
		{"a member too few", `{"a":"x","b":"y"}`, `{"a":"x"}`},
		{"a member too many", `{"a":"x"}`, `{"a":"x","b":"y"}`},
		{"another text", `{"a":"x"}`, `{"a":"y"}`},
		{"null for a text", `{"a":"x"}`, `{"a":null}`},
		{"a text for null", `{"a":null}`, `{"a":"x"}`},
		{"no ID", `{"a":"<id>"}`, `{"a":"x"}`},
		{"an ID with something behind", `{"a":"<id>"}`, `{"a":"0123456789abcdef01234567x"}`},
		{"another ID than before", `["<id:u>","<id:u>"]`, `["0123456789abcdef01234567","1123456789abcdef01234567"]`},
		{"an item too few", `["x","y"]`, `["x"]`},
		{"false for true", `true`, `false`},
		{"a text for a number", `{"a":true}`, `{"a":"true"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if faults := make(apitest.Captured).Compare("body", parse(t, test.want), parse(t, test.have)); len(faults) == 0 {
				t.Error("not noticed")
			}
			if faults := make(apitest.Captured).Compare("body", parse(t, test.have), parse(t, test.have)); len(faults) > 0 {
				t.Errorf("the same differs: %q", faults)
			}
		})
	}
}

func TestLacksNotices(t *testing.T) {
	for _, pair := range [][2]string{
		{`{"a":"x","b":1}`, `{"a":"x"}`},
		{`{"a":"x"}`, `{"a":1}`},
		{`{"a":{"b":"x"}}`, `{"a":{}}`},
		{`{"a":["x"]}`, `{"a":[1]}`},
		{`{"a":["x"]}`, `{"a":[]}`},
	} {
		if faults := apitest.Lacks("body", parse(t, pair[0]), parse(t, pair[1])); len(faults) == 0 {
			t.Errorf("%s has all of %s", pair[1], pair[0])
		}
	}
	if faults := apitest.Lacks("body", parse(t, `{"a":"x","l":[]}`), parse(t, `{"a":"y","b":1,"l":[1]}`)); len(faults) > 0 {
		t.Errorf("more is not less: %q", faults)
	}
}

func TestCapture(t *testing.T) {
	c := make(apitest.Captured)
	if !c.Match("/v1/<id:u>?cursor=<cursor:c>", "/v1/0123456789abcdef01234567?cursor=AbC") {
		t.Fatal("no match")
	}
	if got := c.Fill("<cursor:c> <id:u> <id:other> <name>"); got != "AbC 0123456789abcdef01234567 <id:other> <name>" {
		t.Errorf("got %q", got)
	}
}
