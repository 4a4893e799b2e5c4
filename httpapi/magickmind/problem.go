package magickmind

import (
	"net/http"
	"strconv"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// explain reports an invalid cursor like any other invalid parameter.
func explain(err error) *rest.Problem {
	p := family.Explain(err)
	if p != nil && p.Code == "invalid-cursor" {
		return rest.Invalid(rest.Field{Path: rest.Path{Name: "cursor"}, Code: enduser.CodeValue, Message: notACursor})
	}
	return p
}

// appendProblem writes a problem in the vendor's envelope.
func appendProblem(b []byte, p *rest.Problem) []byte {
	kind, title := "about:blank", http.StatusText(p.Status) // they belong together: RFC 7807 section 4.2
	if p.Status == http.StatusServiceUnavailable {          // the status alone does not say whether to read before a retry
		kind, title = httpapi.ProblemType+p.Code, p.Title
	}
	detail, faults := p.Detail, p.Errors
	if p.Field != "" {
		detail = "The " + p.Field + " belongs to another end user"
		if p.HolderID != "" {
			detail = "The " + p.Field + " belongs to end user " + p.HolderID
		}
		faults = []rest.Field{{Path: rest.Path{Name: p.Field}, Code: p.Code, Message: "belongs to another end user"}}
	}
	b = jsontext.AppendString(append(b, `{"error":{"type":`...), kind)
	b = jsontext.AppendString(append(b, `,"title":`...), title)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(p.Status), 10)
	b = jsontext.AppendString(append(b, `,"detail":`...), detail)
	b = jsontext.AppendString(append(b, `,"instance":`...), p.Instance)
	b = jsontext.AppendString(append(b, `,"request_id":`...), p.RequestID)
	if p.Cursor != "" { // of a list that took too long: the place reached
		b = jsontext.AppendString(append(b, `,"cursor":`...), p.Cursor)
	}
	if len(faults) > 0 {
		b = jsontext.AppendList(append(b, `,"errors":`...), faults, appendFault)
	}
	return append(b, "}}"...)
}

func appendFault(b []byte, f rest.Field) []byte {
	b = jsontext.AppendString(append(b, `{"field":`...), enduser.Field(f.Path).String())
	b = jsontext.AppendString(append(b, `,"code":`...), f.Code)
	b = jsontext.AppendString(append(b, `,"message":`...), f.Message)
	return append(b, '}')
}
