package explo

import (
	"strings"

	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// explainer returns a function that says of groups what another says of users.
func explainer(explain func(error) *rest.Problem) func(error) *rest.Problem {
	return func(err error) *rest.Problem {
		p := explain(err)
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
			p.Errors[i].Pointer = memberOf(p.Errors[i].Pointer)
		}
		return p
	}
}

// memberOf returns the member of a body that a field of a group stands in.
func memberOf(field string) string {
	switch field {
	case "provided_id":
		return "user_group_id"
	case "token":
		return "current_token"
	}
	return field
}

// appendProblem writes a problem in the form that a failure has here. It never has a
// token: problems name members and never quote their values.
func appendProblem(b []byte, p *rest.Problem) []byte {
	b = jsontext.AppendString(append(b, `{"success":0,"error":`...), text(p))
	b = jsontext.AppendString(append(b, `,"code":`...), p.Code)
	b = jsontext.AppendString(append(b, `,"request_id":`...), p.RequestID)
	return append(b, '}')
}

// text returns everything that a problem says in one line.
func text(p *rest.Problem) string {
	if len(p.Errors) == 0 {
		return p.Detail
	}
	var b strings.Builder
	for i, f := range p.Errors {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.Pointer + ": " + f.Message)
	}
	return b.String()
}
