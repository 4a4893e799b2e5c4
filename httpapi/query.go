package httpapi

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// query reads the parameters of a request and collects what is wrong with them. An
// empty parameter counts as absent; one that is given twice, or that nobody asked
// for, is refused.
type query struct {
	values url.Values
	known  []string // kept only where there are values
	wrong  []rest.Field
}

func (q *query) text(name string) string {
	if len(q.values) == 0 {
		return ""
	}
	q.known = append(q.known, name)
	values := q.values[name]
	if len(values) > 1 {
		q.fault(name, "duplicate", "is given twice")
	}
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// oneOf returns a parameter that has one of some values; the first is its default.
func (q *query) oneOf(name string, values ...string) string {
	value := q.text(name)
	switch {
	case value == "":
		return values[0]
	case !slices.Contains(values, value):
		q.fault(name, enduser.CodeValue, "must be one of "+strings.Join(values, ", "))
	}
	return value
}

// number returns a whole number in a range.
func (q *query) number(name string, standard, from, to int) int {
	value := q.text(name)
	if value == "" {
		return standard
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < from || n > to {
		q.fault(name, enduser.CodeValue, "must be a whole number between "+strconv.Itoa(from)+" and "+strconv.Itoa(to))
		return standard
	}
	return n
}

func (q *query) fault(name, code, message string) {
	q.wrong = append(q.wrong, rest.Field{Pointer: strings.ToValidUTF8(name, "\ufffd"), Code: code, Message: message, Query: true})
}

// err returns everything that is wrong, unknown parameters included.
func (q *query) err() error {
	for name := range q.values {
		if !slices.Contains(q.known, name) {
			q.fault(name, "unknown", "is not a parameter of this route")
		}
	}
	if len(q.wrong) == 0 {
		return nil
	}
	slices.SortFunc(q.wrong, func(a, b rest.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	return rest.Invalid(q.wrong...)
}
