package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// A key is the same with and without quotation marks around it (RFC 9651 section 3.3.3).
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 255)
	for header, want := range map[string]string{
		"k": "k", `"k"`: "k", "order 7": "order 7", `"order 7"`: "order 7", `a"b`: `a"b`, `"a\"b"`: `a"b`, `a\b`: `a\b`, `"a\\b"`: `a\b`,
		`" "`: " ", `"\""`: `"`, "~": "~", long: long, `"` + long + `"`: long, `"` + strings.Repeat(`\"`, 255) + `"`: strings.Repeat(`"`, 255),
	} {
		if key, err := rest.IdempotencyKey(http.Header{"Idempotency-Key": {header}}); key != want || err != nil {
			t.Errorf("%s: %q, %v", header, key, err)
		}
	}
	if key, err := rest.IdempotencyKey(http.Header{"Other": {"k"}}); key != "" || err != nil {
		t.Errorf("without: %q, %v", key, err)
	}
	for _, lines := range [][]string{
		{""}, {`""`}, {"a", "a"}, {`"a`}, {`"`}, {`"a"b`}, {`"a";b=1`}, {`"a\b"`}, {`"a\`}, {"a\tb"}, {"é"}, {"\xff"}, {"\"\x7f\""}, {long + "k"},
	} {
		_, err := rest.IdempotencyKey(http.Header{"Idempotency-Key": lines})
		if p := rest.AsProblem(err); p == nil || p.Status != http.StatusBadRequest || p.Code != "malformed-idempotency-key" {
			t.Errorf("%q: %v", lines, err)
		}
	}
}
