package enduser

import (
	"strings"
	"testing"

	"golang.org/x/text/language"
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

// What x/text knows as a tag is one, and what is one x/text does not find misspelled,
// where it knows the form: it refuses extensions that it cannot interpret.
func TestLanguageTagsAgainstText(t *testing.T) {
	t.Parallel()
	part := rapid.SampledFrom([]string{
		"en", "de", "zh", "cmn", "haw", "sgn", "Latn", "Hant", "US", "BE", "419", "1901", "valencia", "rozaj", "a", "u", "ca", "gregory", "x", "1", "",
	})
	rapid.Check(t, func(t *rapid.T) {
		tag := strings.Join(rapid.SliceOfN(part, 1, 6).Draw(t, "subtags"), "-")
		_, err := language.Parse(tag)
		_, unknown := err.(language.ValueError) //nolint:errorlint // Parse returns it as it is
		known := err == nil || unknown
		twice := strings.Count(tag, "1901") > 1 || strings.Count(tag, "valencia") > 1 || strings.Count(tag, "rozaj") > 1 ||
			strings.Count(tag+"-", "-a-") > 1 || strings.Count(tag+"-", "-u-") > 1 // x/text takes some of these
		if is := isLanguageTag(tag); known && !twice && !is {
			t.Fatalf("%q: %v, want a tag as x/text says (%v)", tag, is, err)
		}
	})
}
