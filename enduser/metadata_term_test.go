package enduser

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
)

func TestMetadataTerms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"5": "5", "5.0": "5", "50e-1": "5", "0.5E+1": "5", "-0": "0", "0e9": "0", "0.0": "0", "-5.00": "-5",
		"0.10": "0.1", "1e2": "100", "12345": "12345", "9007199254740993.0": "9007199254740993", "-1.50": "-1.5",
		"1e20": "100000000000000000000", "1e21": "1e+21", "123e20": "1.23e+22", "0.000001": "0.000001", "1e-7": "1e-7", "0.000000120": "1.2e-7",
		"100000000000000000000000": "1e+23", "1E300": "1e+300",
		`"5.0"`: "5.0", `"a\u0062"`: "ab", `"true"`: "true", "true": "true", "false": "false",
		`{"b":1.0,"a":[2e0,"x<"]}`: `{"a":[2,"x<"],"b":1}`, "[ ]": "[]",
	} {
		v, err := JSON(text)
		if err != nil {
			t.Fatal(text, err)
		}
		if got := v.term(); got != want {
			t.Errorf("%s has the term %q, want %q", text, got, want)
		}
	}
}

// Numbers have one term exactly if they are one number.
func TestNumberTerms(t *testing.T) {
	t.Parallel()
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,12})?([eE][-+]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		a := number.Draw(t, "a")
		same := a
		switch {
		case strings.ContainsAny(a, "eE"):
		case strings.Contains(a, "."):
			same += "0e0"
		default:
			same += ".0"
		}
		b := rapid.OneOf(number, rapid.Just(same), rapid.Just(canonicalNumber(a))).Draw(t, "b")
		x, okA := new(big.Rat).SetString(a)
		y, okB := new(big.Rat).SetString(b)
		if !okA || !okB {
			t.Skip()
		}
		if one := canonicalNumber(a) == canonicalNumber(b); one != (x.Cmp(y) == 0) {
			t.Fatalf("%s is %s, %s is %s", a, canonicalNumber(a), b, canonicalNumber(b))
		}
		if again := canonicalNumber(canonicalNumber(a)); again != canonicalNumber(a) {
			t.Fatalf("%s is %s is %s", a, canonicalNumber(a), again)
		}
	})
}

// A long text never has the term of a short one.
func TestCutTerms(t *testing.T) {
	t.Parallel()
	long := String(string(make([]byte, 300)))
	term := metadataKey("k", long.term())
	hash := String(cut(long.term()))
	if metadataKey("k", hash.term()) == term || len(term.Value) > 300 {
		t.Errorf("term %q", term.Value)
	}
	if got := appendMetadataKeys(nil, "k", Value{"5.0"}); len(got) != 2 || got[1] != (store.Key{Kind: termMetadata, Value: "k\x005.0"}) {
		t.Errorf("terms %v", got)
	}
}
