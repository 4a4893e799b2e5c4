package apitest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
)

// Idempotency tests what an Idempotency-Key does. Every route of a family with Keys that writes
// takes one: a request that is repeated with its key is answered with the first status and
// writes nothing. All other routes ignore the header, whatever it says.
func (f *Family) Idempotency(t *testing.T) {
	t.Helper()
	key := func(values ...string) Option { return With("Idempotency-Key", values...) }
	f.each(t, httpapi.Options{}, func(t *testing.T, x *fixture, r Route) {
		if !f.Keys || !r.Write || r.NoKey {
			if a := x.send(t, r, key(`"a", b`, "c")); a.Status/100 != 2 || a.has("Idempotent-Replayed") {
				t.Errorf("got %d, replayed %q", a.Status, a.Header.Get("Idempotent-Replayed"))
			}
			return
		}
		for name, values := range malformedKeys() {
			before := x.store.Applies()
			x.refused(t, r, http.StatusBadRequest, "malformed-idempotency-key", key(values...))
			if x.store.Applies() != before {
				t.Errorf("%s: something was written", name)
			}
		}
		first := x.send(t, r, key("order-7"))
		if first.Status/100 != 2 || first.has("Idempotent-Replayed") {
			t.Fatalf("first: %d %s", first.Status, first.Body)
		}
		tag := first.Header.Get("ETag")
		if first.Status == http.StatusNoContent { // nobody may change by it what was not shown
			tag = ""
		}
		before := x.store.Applies()
		for _, again := range []string{"order-7", `"order-7"`} {
			a := x.send(t, r, key(again))
			if a.Status != first.Status || a.Body != first.Body || a.Header.Get("ETag") != tag ||
				a.Header.Get("Location") != first.Header.Get("Location") || a.Header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("again with %s: %d %s, replayed %q, want %d %s", again, a.Status, a.Body, a.Header.Get("Idempotent-Replayed"), first.Status, first.Body)
			}
		}
		if other := r; r.Body != "" {
			other.Body = strings.Replace(r.Body, "{", "{ ", 1)
			x.refused(t, other, http.StatusUnprocessableEntity, "idempotency-mismatch", key("order-7"))
		}
		x.refused(t, r, http.StatusUnprocessableEntity, "idempotency-mismatch", key("order-7"), With("If-Match", "*"))
		if n := x.store.Applies(); n != before {
			t.Errorf("%d writes of repeated requests", n-before)
		}
	})
}

// malformedKeys returns values of the header that are refused.
func malformedKeys() map[string][]string {
	return map[string][]string{
		"empty": {""}, "an empty string": {`""`}, "long": {strings.Repeat("k", 256)}, "a long string": {`"` + strings.Repeat("k", 256) + `"`},
		"two": {"a", "a"}, "two strings": {`"a", "b"`}, "half a string": {`"a`}, "only a quotation mark": {`"`}, "a parameter": {`"a";b=1`},
		"a wrong escape": {`"a\b"`}, "an escape at the end": {`"a\`}, "a control character": {"a\x01b"}, "DEL": {"a\x7fb"},
		"UTF-8": {"käse"}, "no UTF-8": {"\xff"}, "a control character in a string": {"\"a\x01\""},
	}
}
