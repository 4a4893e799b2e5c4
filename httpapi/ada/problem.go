package ada

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// explain says of errors of the domain what known does, in the names that this
// family has for what is in a request.
func explain(known func(error) *rest.Problem) func(error) *rest.Problem {
	return func(err error) *rest.Problem {
		if errors.Is(err, enduser.ErrNoKeyring) {
			return rest.Invalid(rest.Field{
				Pointer: sensitive, Code: enduser.CodeValue, Message: "cannot be kept: this server has no keyring",
			})
		}
		p := known(err)
		if p == nil {
			return nil
		}
		for i := range p.Errors {
			f := &p.Errors[i]
			if f.Query = f.Pointer == "id"; f.Query {
				f.Pointer = inPath
				continue
			}
			f.Pointer = jsonPath(f.Pointer)
		}
		return p
	}
}

// inPath is the parameter of paths.
const inPath = "end_user_id"

// blame says where in the request the ID stands that an error is about. It returns
// other errors as they are.
func blame(err error, field string, place rest.Field) error {
	invalid, ok := errors.AsType[*enduser.InvalidError](err)
	if !ok || invalid.Violations[0].Field != field {
		return err
	}
	place.Code, place.Message = invalid.Violations[0].Code, invalid.Violations[0].Message
	return rest.Invalid(place)
}

// jsonPath returns where in a body the domain's field stands.
func jsonPath(field string) string {
	if key, ok := strings.CutPrefix(field, "sensitive_metadata."); ok {
		return member(fields, key)
	}
	switch field {
	case "sensitive_metadata":
		return fields
	case "name":
		return profile + ".display_name"
	case "first_name", "last_name", "email", "avatar", "language", "metadata":
		return profile + "." + field
	}
	return "$." + field
}

// member returns the JSON path of a member that the client has named (RFC 9535
// section 2.3), or that of all members, where the name would have to be escaped or is
// too long to be one.
func member(object, name string) string {
	const longest = 128
	if len(name) > longest || strings.ContainsAny(name, `'\`) || strings.ContainsFunc(name, unicode.IsControl) {
		return object + "[*]"
	}
	return object + "['" + name + "']"
}

// appendProblem writes a problem as the vendor's schema has it.
func appendProblem(b []byte, p *rest.Problem) []byte {
	kind, message, details := describe(p)
	b = jsontext.AppendString(append(b, `{"errors":[{"type":`...), kind)
	b = jsontext.AppendString(append(b, `,"message":`...), message)
	if len(details) > 0 {
		b = append(b, `,"details":[`...)
		for i, f := range details {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsontext.AppendString(append(b, `{"parameter":`...), f.Pointer)
			b = jsontext.AppendString(append(b, `,"location":`...), location(&f))
			b = append(jsontext.AppendString(append(b, `,"message":`...), f.Message), '}')
		}
		b = append(b, ']')
	}
	return append(b, `}]}`...)
}

// describe returns a problem's type, text and details.
func describe(p *rest.Problem) (kind, message string, details []rest.Field) {
	kind, message = strings.ReplaceAll(p.Code, "-", "_"), p.Detail
	if p.Status == http.StatusBadRequest {
		kind = "validation_error"
	}
	switch {
	case p.Field != "":
		details = []rest.Field{{Pointer: jsonPath(p.Field), Message: "belongs to end user " + p.HolderID}}
	case len(p.Errors) > 0:
		details = p.Errors
		message = strings.TrimPrefix(details[0].Pointer, "$.") + ": " + details[0].Message
		if more := p.Total - 1; more > 0 {
			message += "; and " + strconv.Itoa(more) + " more"
		}
	}
	return kind, message, details
}

func location(f *rest.Field) string {
	switch {
	case !f.Query:
		return "body"
	case f.Pointer == inPath:
		return "path"
	default:
		return "query"
	}
}
