package console

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rollbook-go/rollbook/enduser"
)

// reading is what the text of a search can stand for.
type reading string

// The readings, as the parameter "as" has them.
const (
	asID         reading = "id"
	asExternalID reading = "external_id"
	asEmail      reading = "email"
	asAccount    reading = "account"
	asName       reading = "name"
)

// Words returns the reading for people.
func (r reading) Words() string {
	switch r {
	case asID:
		return "ID"
	case asExternalID:
		return "external ID"
	case asEmail:
		return "e-mail address"
	case asAccount:
		return "account"
	default:
		return "name"
	}
}

// Article returns Words with the article.
func (r reading) Article() string {
	if r == asName {
		return "a name"
	}
	return "an " + r.Words()
}

// Form says what a text must be to have the reading.
func (r reading) Form() string {
	switch r {
	case asID:
		return "An ID has at most 36 letters, digits, - and _."
	case asExternalID:
		return "This cannot be an external ID: it is too long, or has characters that no external ID has."
	case asEmail:
		return "An e-mail address is needed, such as ann@example.com."
	case asAccount:
		return "An account is a type and an ID, such as discord:8035."
	default:
		return "A name needs 1 to 8 words of letters or digits."
	}
}

// readingsOf returns what a text can stand for, the likeliest first: the form of an account or
// address is told from its punctuation, and a word with a digit is an ID rather than a name.
func readingsOf(text string) []reading {
	var all []reading
	spaced := strings.ContainsFunc(text, unicode.IsSpace)
	a, ok := accountOf(text)
	if ok && !spaced && !strings.ContainsFunc(a.Type, isPunctuation) && !strings.HasPrefix(a.ID, "//") {
		all = append(all, asAccount) // also mail:ann@example.com
	}
	if local, domain, _ := strings.Cut(text, "@"); local != "" && domain != "" && !spaced {
		all = append(all, asEmail)
	}
	isName := strings.ContainsFunc(text, letterOrDigit)
	likely := isName && len(all) == 0 && (spaced || !strings.ContainsFunc(text, inID))
	if likely {
		all = append(all, asName)
	}
	if isOwnID(text) {
		all = append(all, asID)
	}
	all = append(all, asExternalID)
	if isName && !likely {
		all = append(all, asName)
	}
	return all
}

func letterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func isPunctuation(r rune) bool { return !letterOrDigit(r) && r != '-' && r != '_' && r != '.' }

// inID reports whether a character stands in IDs, and seldom in a name of one word.
func inID(r rune) bool { return unicode.IsDigit(r) || strings.ContainsRune("-_.:/|#@", r) }

// isOwnID reports whether a text has the form of a user's own ID.
func isOwnID(text string) bool {
	return text != "" && len(text) <= 36 && !strings.ContainsFunc(text, func(r rune) bool {
		return (r > unicode.MaxASCII || !letterOrDigit(r)) && r != '-' && r != '_'
	})
}

// accountOf returns the account that a text names.
func accountOf(text string) (a enduser.Account, ok bool) {
	a.Type, a.ID, _ = strings.Cut(text, ":")
	return a, a.Type != "" && a.ID != ""
}

// finding is what a search has found.
type finding struct {
	As    reading   // what the text was taken for; "" if there is no text
	Tried []reading // without success, before
	Query enduser.Query
	Page  enduser.Page

	// One is the ID of the user that the text names. The search leads to it.
	One string
}

// find looks for the users of a query. Unless the query says what its text stands for, the text
// has all the readings that it can have until one finds somebody.
func find(ctx context.Context, t enduser.Tenant, q *userQuery, now time.Time, mayOpen bool) (f finding, err error) {
	query := q.query(now) // with faults, too, to find those that only the list finds
	if q.Text == "" {
		f.Query = query
		f.Page, err = t.List(ctx, query)
		return f, q.blame(err, "")
	}
	readings := readingsOf(q.Text)
	if q.As != "" {
		readings = []reading{q.As}
	}
	var tried []reading
	for _, as := range readings {
		if as == asID && !mayOpen { // lists have no filter for it
			if q.As != "" {
				q.fault("q", "This key may not open users, and so cannot find one by ID.")
			}
			continue
		}
		found, err := findAs(ctx, t, query, as, q.Text)
		if one, ok := errors.AsType[*enduser.UnreadableError](err); ok {
			found.Page.Unreadable, err = []string{one.ID}, nil
		}
		if q.As == "" && textAtFault(err) {
			continue
		}
		if err = q.blame(err, as); err != nil {
			return found, err
		}
		found.Tried = slices.Clone(tried)
		if as != asName && q.First() && mayOpen {
			found.One = only(&found.Page)
		}
		if len(found.Page.Users)+len(found.Page.Unreadable) > 0 || !found.Page.Next.IsZero() {
			return found, nil
		}
		tried = append(tried, as)
		f = found
	}
	if f.Tried = tried; len(tried) == 0 && len(q.Faults) == 0 {
		q.fault("q", "This is no ID, e-mail address, account or name.")
	}
	return f, nil
}

// only returns the ID of the user of a list that has one, "" of any other.
func only(p *enduser.Page) string {
	switch {
	case !p.Next.IsZero() || len(p.Users)+len(p.Unreadable) != 1:
		return ""
	case len(p.Users) == 1:
		return p.Users[0].ID
	default:
		return p.Unreadable[0]
	}
}

// findAs looks for the users whose ID, external ID, address, account or name a text is. An ID
// names its user whatever else a query selects.
func findAs(ctx context.Context, t enduser.Tenant, q enduser.Query, as reading, text string) (f finding, err error) {
	f.As = as
	switch as {
	case asID:
		u, err := t.Get(ctx, enduser.ByID(text))
		if errors.Is(err, enduser.ErrNotFound) {
			return f, nil
		}
		if err == nil {
			f.Page.Users = []enduser.User{u}
		}
		return f, err
	case asExternalID:
		q.ExternalID = text
	case asEmail:
		q.Email = text
	case asAccount:
		a, ok := accountOf(text)
		if !ok {
			return f, &enduser.InvalidError{Violations: []enduser.Violation{{Field: enduser.Field{Name: "account_id"}}}}
		}
		q.Account = a
	default:
		q.Name = text
	}
	f.Query = q
	f.Page, err = t.List(ctx, q)
	return f, err
}

// textAtFault reports whether a search failed for its text, and not for a filter beside it.
func textAtFault(err error) bool {
	invalid, ok := errors.AsType[*enduser.InvalidError](err)
	return ok && !slices.ContainsFunc(invalid.Violations, func(v enduser.Violation) bool {
		return parameterOf(v) != "q"
	})
}

// parameterOf returns the parameter in which a violation is.
func parameterOf(v enduser.Violation) string {
	switch {
	case v.Code == enduser.CodeCursor:
		return "after"
	case v.Field.Name == "group":
		return "group"
	case v.Field.Name == "metadata" && v.Field.Key == "":
		return "key"
	case v.Field.Name == "metadata":
		return "value"
	default:
		return "q"
	}
}
