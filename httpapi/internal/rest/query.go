package rest

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query is the parameters of a request, and collects their faults. A parameter that is
// given twice is one; an empty one counts as absent.
type Query struct {
	Values url.Values
	known  []string // kept only where there are values
	wrong  []Field
}

// Text returns a parameter, "" if it is absent.
func (q *Query) Text(name string) string {
	if len(q.Values) == 0 {
		return ""
	}
	q.known = append(q.known, name)
	values := q.Values[name]
	if len(values) > 1 {
		q.Fault(name, CodeDuplicate, "is given twice")
	}
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// OneOf returns a parameter that must have one of the values. The first is its default.
func (q *Query) OneOf(name string, values ...string) string {
	value := q.Text(name)
	switch {
	case value == "":
		return values[0]
	case !slices.Contains(values, value):
		q.Fault(name, CodeValue, "must be one of "+strings.Join(values, ", "))
	}
	return value
}

// Number returns a parameter that must be a whole number in a range.
func (q *Query) Number(name string, standard, from, to int) int {
	value := q.Text(name)
	if value == "" {
		return standard
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < from || n > to {
		q.Fault(name, CodeValue, "must be a whole number between "+strconv.Itoa(from)+" and "+strconv.Itoa(to))
		return standard
	}
	return n
}

// Time returns a parameter that must be a time of RFC 3339. If it is absent, Time returns
// the zero time.
func (q *Query) Time(name string) time.Time {
	value := q.Text(name)
	if value == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil || t.IsZero() {
		q.Fault(name, CodeValue, "must be a time of RFC 3339, such as 2006-01-02T15:04:05Z")
	}
	return t
}

// Fault records a fault of a parameter.
func (q *Query) Fault(name, code, message string) {
	name = strings.ToValidUTF8(name, "\ufffd")
	q.wrong = append(q.wrong, Field{Path: Path{Name: name}, Code: code, Message: message, Query: true})
}

// Strict returns all faults. Every parameter that was not read is one.
func (q *Query) Strict() error {
	for name := range q.Values {
		if !slices.Contains(q.known, name) {
			q.Fault(name, CodeUnknown, "is not a parameter of this route")
		}
	}
	return q.Err()
}

// Err returns the faults of the parameters that were read.
func (q *Query) Err() error {
	if len(q.wrong) == 0 {
		return nil
	}
	slices.SortFunc(q.wrong, func(a, b Field) int { return strings.Compare(a.Path.Name, b.Path.Name) })
	return Invalid(q.wrong...)
}
