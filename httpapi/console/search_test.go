package console

import (
	"strings"
	"testing"
)

func TestReadingsOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"019df0ef8028b0551744ed5d": "id external_id name",
		"crm-7":                    "id external_id name",
		"crm_7":                    "id external_id name",
		"7":                        "id external_id name",
		"ann":                      "name id external_id",
		"Ann Lee":                  "name external_id",
		"Ann Lee 7":                "name external_id",
		"Ann\u00a0Lee":             "name external_id",
		"Zoë":                      "name external_id",
		"O'Brien":                  "name external_id",
		"家族":                       "name external_id",
		"ann@example.com":          "email external_id name",
		"ann+x@example.com":        "email external_id name",
		"@ann":                     "external_id name",
		"ann@":                     "external_id name",
		"ann @example.com":         "name external_id",
		"discord:8035":             "account external_id name",
		"mail:ann@example.com":     "account email external_id name",
		"ann@x:y":                  "email external_id name",
		"crm:acme:7":               "account external_id name",
		"discord:":                 "external_id name",
		":8035":                    "external_id name",
		"see: this":                "name external_id",
		"https://example.com/7":    "external_id name",
		"a/b":                      "external_id name",
		strings.Repeat("1", 36):    "id external_id name",
		strings.Repeat("1", 37):    "external_id name",
		"<b>":                      "name external_id",
		"***":                      "external_id",
		"\u202e":                   "external_id",
		"１２":                       "external_id name",
	} {
		var got []string
		for _, as := range readingsOf(text) {
			got = append(got, string(as))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
