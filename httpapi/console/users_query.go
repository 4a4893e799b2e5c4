package console

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// userQuery is what the address of a list of users asks for. Its fields are the parameters, as
// they were given.
type userQuery struct {
	Text  string // "q"
	As    reading
	Group string
	Key   string // of indexed metadata
	Value string

	From, To string // the days on which the users were added, both included

	// Created is since when the users were added, Expiring until when they expire: a time, or how
	// far it is away.
	Created, Expiring string

	After, Before string // cursors

	Faults map[string]string // what is wrong with parameters, for people

	schema enduser.Schema
}

// readUserQuery reads the address of a list. Parameters that are unknown or given twice are an
// error; a value that is not valid is one of the faults, and can be mended on the page.
func readUserQuery(call *family.Call, schema enduser.Schema) (*userQuery, error) {
	p, err := call.Query()
	if err != nil {
		return nil, err
	}
	q := &userQuery{
		Text: strings.TrimSpace(p.Text("q")), As: reading(p.Text("as")),
		Group: p.Text("group"), Key: p.Text("key"), Value: p.Text("value"),
		From: strings.TrimSpace(p.Text("from")), To: strings.TrimSpace(p.Text("to")),
		Created: p.Text("created"), Expiring: p.Text("expiring"),
		After: p.Text("after"), Before: p.Text("before"),
		schema: schema,
	}
	return q, p.Strict()
}

func (q *userQuery) fault(parameter, message string) {
	if q.Faults == nil {
		q.Faults = make(map[string]string)
	}
	q.Faults[parameter] = message
}

// address returns the address of the list that a query asks for, relative to the root.
func (q userQuery) address() string {
	values := make(url.Values)
	for name, value := range map[string]string{
		"q": q.Text, "as": string(q.As), "group": q.Group, "key": q.Key, "value": q.Value, "from": q.From, "to": q.To,
		"created": q.Created, "expiring": q.Expiring, "after": q.After, "before": q.Before,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return "users"
	}
	return "users?" + values.Encode()
}

// without returns the address of the list without some parameters, from its beginning.
func (q userQuery) without(change func(*userQuery)) string {
	q.After, q.Before = "", ""
	change(&q)
	return q.address()
}

// First reports whether the query is about the beginning of a list.
func (q *userQuery) First() bool { return q.After == "" && q.Before == "" }

// Filtered reports whether the query selects users.
func (q *userQuery) Filtered() bool {
	return q.Text+q.Group+q.Key+q.Value+q.From+q.To+q.Created+q.Expiring != ""
}

// query returns what the list is to select, but for the text, and finds the faults. Created and
// Expiring become times, to which the cursors of the pages are bound.
func (q *userQuery) query(now time.Time) enduser.Query {
	eq := enduser.Query{Filter: enduser.Filter{Group: q.Group}, Desc: true, Limit: usersPerPage}
	if q.As != "" && !slices.Contains([]reading{asID, asExternalID, asEmail, asAccount, asName}, q.As) {
		q.fault("q", "There is no such way to search.")
		q.As = ""
	}
	switch {
	case q.Key == "" && q.Value != "":
		q.fault("key", "Choose the key that has this value.")
	case q.Key != "" && q.Value == "":
		q.fault("value", "Enter the value of this key.")
	case q.Key != "":
		eq.Metadata = enduser.Metadata{q.Key: enduser.String(q.Value)}
	}
	from, to := q.day("from", q.From), q.day("to", q.To)
	if !from.IsZero() {
		eq.AddedAfter = from.Add(-time.Millisecond) // what it excludes; times have whole milliseconds
	}
	if !to.IsZero() {
		eq.AddedBefore = to.AddDate(0, 0, 1)
	}
	if !from.IsZero() && to.Before(from) && !to.IsZero() {
		q.fault("to", "This is before the first day.")
	}
	if since := q.moment("created", q.Created, now, -1); !since.IsZero() {
		q.Created = since.Format(time.RFC3339Nano)
		if since = since.Add(-time.Millisecond); since.After(eq.AddedAfter) {
			eq.AddedAfter = since
		}
	}
	if eq.ExpiringBefore = q.moment("expiring", q.Expiring, now, 1); !eq.ExpiringBefore.IsZero() {
		q.Expiring = eq.ExpiringBefore.Format(time.RFC3339Nano)
		eq.Desc = false
	}
	after, err := enduser.ParseCursor(q.After)
	before, failed := enduser.ParseCursor(q.Before)
	if err != nil || failed != nil || q.After != "" && q.Before != "" || q.Before != "" && q.Expiring != "" {
		q.fault("after", noSuchPlace)
	} else {
		eq.After, eq.Before = after, before
	}
	return eq
}

const noSuchPlace = "The address of this page does not belong to this list: it was changed, or is of another search."

// day returns the beginning of a day in UTC.
func (q *userQuery) day(parameter, value string) time.Time {
	if value == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.DateOnly, value)
	if err != nil || at.Year() < 1970 {
		q.fault(parameter, "A day is needed, such as 2026-01-31.")
		return time.Time{}
	}
	return at
}

// moment returns the time that a parameter gives, or that is so far away from now.
func (q *userQuery) moment(parameter, value string, now time.Time, direction time.Duration) time.Time {
	if value == "" {
		return time.Time{}
	}
	const most = 366 * 24 * time.Hour
	if d, err := time.ParseDuration(value); err == nil && d >= time.Minute && d <= most {
		return now.Add(direction * d)
	}
	at, err := time.Parse(time.RFC3339Nano, value)
	if err != nil || at.Year() < 1970 || at.Year() > 9998 {
		q.fault(parameter, "A time is needed, such as 2026-01-31T00:00:00Z or 24h.")
		return time.Time{}
	}
	return at.UTC().Truncate(time.Millisecond)
}

// blame makes faults of what is not valid in a query whose text was taken for something. It
// returns any other error.
func (q *userQuery) blame(err error, as reading) error {
	invalid, ok := errors.AsType[*enduser.InvalidError](err)
	if !ok {
		return err
	}
	for _, v := range invalid.Violations {
		switch parameter := parameterOf(v); parameter {
		case "q":
			q.fault(parameter, cmp.Or(as, asName).Form())
			if as == asName && q.schema.NoNameIndex {
				q.fault(parameter, "Names are not indexed here. Search by ID, external ID, e-mail address or account.")
			}
		case "after":
			q.fault(parameter, noSuchPlace)
		case "key":
			q.fault(parameter, "Users cannot be found by this key.")
		case "group":
			q.fault(parameter, "This cannot be the external ID of a group.")
		default:
			q.fault(parameter, "No user can have this value.")
		}
	}
	return nil
}
