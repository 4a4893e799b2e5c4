package console

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// form is what a browser sends of a page's form. A field that is missing or comes twice makes
// it malformed: to take it for an empty one could clear what nobody wanted to clear.
type form struct {
	values url.Values
	wrong  bool
}

func readForm(call *family.Call) *form {
	values, err := url.ParseQuery(call.Body())
	return &form{values, err != nil}
}

// text returns a field. Browsers send line breaks as CR and LF; it has LF alone.
func (f *form) text(name string) string {
	values := f.values[name]
	if len(values) != 1 || !utf8.ValidString(values[0]) { // browsers send UTF-8, as the pages are
		f.wrong = true
		return ""
	}
	return strings.ReplaceAll(values[0], "\r\n", "\n")
}

// oneOf returns a field that has one of some values.
func (f *form) oneOf(name string, values ...string) string {
	value := f.text(name)
	if !slices.Contains(values, value) {
		f.wrong = true
		return values[0]
	}
	return value
}

// err returns the problem of a malformed form.
func (f *form) err() error {
	if f.wrong {
		return rest.BadRequest("malformed-form", "The form is not one of the console's, or only a part of it arrived. Nothing was written.")
	}
	return nil
}
