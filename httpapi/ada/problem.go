package ada

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// explain turns an error of the domain into a problem, whose fields have the names of this
// family.
func explain(err error) *rest.Problem {
	if errors.Is(err, enduser.ErrNoKeyring) {
		return rest.Invalid(rest.Field{
			Path: rest.Path{Name: sensitive}, Code: enduser.CodeValue, Message: "cannot be kept: this server has no keyring",
		})
	}
	p := family.Explain(err)
	if p == nil {
		return nil
	}
	for i := range p.Errors {
		f := &p.Errors[i]
		if f.Query = f.Path.Name == "id"; f.Query {
			f.Path = rest.Path{Name: inPath}
		} else {
			f.Path = rest.Path{Name: jsonPath(f.Path)}
		}
	}
	return p
}

// inPath is the parameter of paths.
const inPath = "end_user_id"

// jsonPath returns the JSON path, in a body, of a field of the domain.
func jsonPath(field rest.Path) string {
	path := "$." + field.Name
	switch field.Name {
	case "sensitive":
		path = fields
	case "name":
		path = profile + ".display_name"
	case "first_name", "last_name", "email", "avatar", "language", "metadata":
		path = profile + "." + field.Name
	}
	if field.Key != "" {
		path = member(path, field.Key)
	}
	return path
}

// member returns the JSON path of a member with a name of the client's (RFC 9535 section
// 2.3). If the name is too long, or would have to be escaped, it is the path of all
// members.
func member(object, name string) string {
	const longest = 128
	if len(name) > longest || strings.ContainsAny(name, `'\`) || strings.ContainsFunc(name, unicode.IsControl) {
		return object + "[*]"
	}
	return object + "['" + name + "']"
}

// appendProblem appends a problem in the vendor's form. For a list that took too long it
// adds the list's meta: p.Cursor is then the URL of what is left.
func appendProblem(b []byte, p *rest.Problem) []byte {
	kind, message, details := describe(p)
	b = jsontext.AppendString(append(b, `{"errors":[{"type":`...), kind)
	b = jsontext.AppendString(append(b, `,"message":`...), message)
	if len(details) > 0 {
		b = jsontext.AppendList(append(b, `,"details":`...), details, appendDetail)
	}
	b = append(b, `}]`...)
	if p.Cursor != "" {
		b = append(jsontext.AppendString(append(b, `,"meta":{"next_page_url":`...), p.Cursor), '}')
	}
	return append(b, '}')
}

func appendDetail(b []byte, f rest.Field) []byte {
	b = jsontext.AppendString(append(b, `{"parameter":`...), f.Path.Name)
	b = jsontext.AppendString(append(b, `,"location":`...), location(&f))
	return append(jsontext.AppendString(append(b, `,"message":`...), f.Message), '}')
}

// describe returns a problem's type, message and details.
func describe(p *rest.Problem) (kind, message string, details []rest.Field) {
	kind, message = strings.ReplaceAll(p.Code, "-", "_"), p.Detail
	if p.Status == http.StatusBadRequest {
		kind = "validation_error"
	}
	switch {
	case p.Field != "":
		message = strings.TrimPrefix(jsonPath(rest.Path{Name: p.Field}), "$.") + ": belongs to another end user"
	case len(p.Errors) > 0:
		details = p.Errors
		message = strings.TrimPrefix(details[0].Path.Name, "$.") + ": " + details[0].Message
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
	case f.Path.Name == inPath:
		return "path"
	default:
		return "query"
	}
}
