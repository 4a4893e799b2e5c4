package family_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

func TestBearer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 4096)
	for _, tt := range []struct {
		values []string
		want   string
	}{
		{nil, ""},
		{[]string{"Bearer key"}, "key"},
		{[]string{"bearer key"}, "key"}, // schemes have no case (RFC 9110 section 11.1)
		{[]string{"Bearer   key"}, "key"},
		{[]string{"Bearer " + long}, long},
		{[]string{"Bearer " + long + "a"}, ""},
		{[]string{"Bearer key "}, "key "}, // which is no key
		{[]string{"Bearer key, Bearer other"}, "key, Bearer other"},
		{[]string{""}, ""},
		{[]string{"key"}, ""},
		{[]string{"Bearer"}, ""},
		{[]string{"Bearer "}, ""},
		{[]string{"Basic key"}, ""},
		{[]string{"Bearer key", "Bearer key"}, ""},
		{[]string{"Bearer key", "Bearer other"}, ""},
		{[]string{"Bearer key", ""}, ""},
	} {
		if got := family.Bearer(http.Header{"Authorization": tt.values}); got != tt.want {
			t.Errorf("%.40q: got %.40q, want %.40q", tt.values, got, tt.want)
		}
	}
	h := http.Header{"X-Other": {"Token key"}, "Authorization": {"Bearer other"}}
	if got := family.Scheme(h, "X-Other", "Token"); got != "key" {
		t.Errorf("another header: got %q", got)
	}
}
