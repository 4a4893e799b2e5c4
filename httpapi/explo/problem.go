package explo

import (
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// explain is family.Explain in the words and names of this family.
func explain(err error) *rest.Problem {
	p := family.Explain(err)
	if p == nil {
		return nil
	}
	switch p.Code {
	case "not-found":
		p.Detail = "No user group has this current_token or user_group_id."
	case "contended":
		p.Detail = "Others keep changing this user group. Try again."
	}
	for i := range p.Errors {
		path := &p.Errors[i].Path
		switch name := &path.Name; *name {
		case "external_id":
			*name = "user_group_id"
		case "metadata":
			*name = "properties"
		case "system_properties":
			*name = mappingKey
			if path.Key == mappingKey { // the whole mapping
				path.Key = ""
			}
		case "token":
			*name = "current_token"
		}
	}
	return p
}

// appendProblem appends a problem in this family's form of a failure. It never has a token:
// problems name members and never quote their values.
func appendProblem(b []byte, p *rest.Problem) []byte {
	b = jsontext.AppendString(append(b, `{"success":0,"error":`...), text(p))
	b = jsontext.AppendString(append(b, `,"code":`...), p.Code)
	b = jsontext.AppendString(append(b, `,"request_id":`...), p.RequestID)
	return append(b, '}')
}

// text returns the detail of a problem, or all its faults, in one line.
func text(p *rest.Problem) string {
	if len(p.Errors) == 0 {
		return p.Detail
	}
	var b strings.Builder
	for i, f := range p.Errors {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(enduser.Field(f.Path).String() + ": " + f.Message)
	}
	return b.String()
}
