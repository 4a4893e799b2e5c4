package enduser

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLanguageTags(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]bool{
		"de": true, "haw": true, "en-US": true, "EN-us": true, "es-419": true, "zh-Hant-TW": true, "zh-cmn-Hans-CN": true,
		"sl-rozaj-biske-1994": true, "de-CH-1901": true, "de-1996": true, "ca-valencia": true,
		"und-Cyrl-t-und-latn-m0-ungegn-2007": true, "en-u-ca-gregory-x-a-b": true, "en-0-abc": true,
		"xx-YY": true, "qaa-Qaaa-QM-x-southern": true, "x-whatever": true, "x-1": true,
		"en-GB-oed": true, "i-klingon": true, "I-DEFAULT": true, "sgn-BE-FR": true, "art-lojban": true, "zh-min-nan": true,

		"e": false, "English": false, "abcd": false, "en_US": false, "en-": false, "-en": false, "en--US": false, " en": false,
		"en-US-": false, "en-a": false, "en-a-b": false, "x": false, "x-": false, "en-x": false, "i-unknown": false, "i": false,
		"de-1901-1901": false, "de-1901-abcde-1901": false, "en-a-bb-a-cc": false, "en-US-US": false, "en-Latn-Latn": false,
		"en-abcdefghi": false, "en-u-abcdefghi": false, "en-x-abcdefghi": false, "é": false, "d1": false, "de-D1": false,
		"a-b-c": false, "aaa-bbb-ccc-ddd-eee": false, "en-19xx1901x": false, "en-\u0660\u0661\u0662": false,
	} {
		if got := isLanguageTag(tag); got != want {
			t.Errorf("%q: %v, want %v", tag, got, want)
		}
	}
}

// abnf is section 2.1 of RFC 5646 as one expression, with the variants and the extensions
// as its submatches.
var abnf = regexp.MustCompile(`^(?i:[a-z]{2,3}(?:-[a-z]{3}){0,3}(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?` +
	`((?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)((?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*)(?:-x(?:-[a-z0-9]{1,8})+)?` +
	`|x(?:-[a-z0-9]{1,8})+)$`)

// repeats reports whether a list of subtags has one of those twice that count.
func repeats(subtags string, counts func(string) bool) bool {
	seen := make(map[string]bool)
	for _, subtag := range strings.Split(strings.ToLower(subtags), "-") {
		if counts(subtag) && seen[subtag] {
			return true
		}
		seen[subtag] = true
	}
	return false
}

func TestLanguageTagsAgainstABNF(t *testing.T) {
	t.Parallel()
	part := rapid.SampledFrom([]string{
		"en", "de", "zh", "cmn", "sgn", "Latn", "Hant", "US", "419", "1901", "1996", "valencia", "Rozaj", "a", "A", "u", "0", "ca", "gregory", "x", "X", "1", "", "é",
	})
	rapid.Check(t, func(t *rapid.T) {
		tag := strings.Join(rapid.SliceOfN(part, 1, 8).Draw(t, "subtags"), "-")
		parts := abnf.FindStringSubmatch(tag)
		want := parts != nil && !repeats(parts[1], func(s string) bool { return s != "" }) &&
			!repeats(parts[2], func(s string) bool { return len(s) == 1 })
		if got := isLanguageTag(tag); got != want {
			t.Fatalf("%q: %v, want %v", tag, got, want)
		}
	})
}
