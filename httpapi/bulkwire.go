package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/internal/ndjson"
)

// rowInput is a row of a bulk request: a user, and of an import what it was elsewhere.
type rowInput struct {
	userInput

	importing bool

	id, createdAt, createdBy rest.Optional[string]
}

// readRow returns the user of a row, or with Err why there is none.
func (a *api) readRow(c *call, row *ndjson.Row, importing bool) (user enduser.Import) {
	if row.Err != nil {
		user.Err = unreadableRow(row.Err)
		return user
	}
	in := rowInput{importing: importing}
	in.NoNull = true
	p := jsontext.NewScanner(string(row.Text))
	err := p.Object(func(name string) error { return in.member(&p, name) })
	if err == nil {
		err = p.End()
	}
	if err != nil {
		user.Err = unreadableRow(err)
		return user
	}
	user.ID, user.CreatedBy = in.id.Value, in.createdBy.Value
	if in.createdAt.Given && !in.createdAt.Null {
		if user.CreatedAt, err = time.Parse(time.RFC3339, in.createdAt.Value); err != nil || user.CreatedAt.IsZero() {
			in.Fault("created_at", enduser.CodeValue, "must be a time of RFC 3339, such as 2006-01-02T15:04:05Z")
		}
	}
	user.Spec, user.Err = a.spec(c, &in.userInput)
	return user
}

// unreadableRow returns the problem of a row that is no JSON object.
func unreadableRow(err error) *rest.Problem {
	p := rest.BadRequest("malformed-json", "The row is not acceptable JSON: "+err.Error()+".")
	if errors.Is(err, ndjson.ErrTooLong) {
		p.Status, p.Code, p.Title = http.StatusRequestEntityTooLarge, "too-large", "The row is too large"
		p.Detail = "The row has more bytes than a body with one user may have."
	}
	return p
}

func (in *rowInput) member(p *jsontext.Scanner, name string) error {
	if in.importing {
		switch name {
		case "id":
			return rest.Member(&in.Input, p, name, &in.id, p.String)
		case "created_at":
			return rest.Member(&in.Input, p, name, &in.createdAt, p.String)
		case "created_by":
			return rest.Nullable(&in.Input, p, name, &in.createdBy, p.String)
		}
	}
	return in.userInput.member(p, name)
}

// maxEchoed is how many bytes of an ID are repeated in an answer: those of the longest.
const maxEchoed = 1024

// appendResult writes the answer to a row.
func appendResult(b []byte, r *enduser.BulkResult, line int, p *rest.Problem) []byte {
	b = appendInt(append(b, `{"row":`...), int64(r.Row))
	if p != nil {
		b = appendInt(append(b, `,"line":`...), int64(line))
		b = appendGiven(append(b, `,"id":`...), r.ID)
		b = appendGiven(append(b, `,"external_id":`...), r.ExternalID)
		return append(appendRowProblem(append(b, `,"error":`...), p), '}')
	}
	b = jsontext.AppendString(append(b, `,"outcome":`...), r.Outcome.String())
	b = jsontext.AppendOptional(append(b, `,"id":`...), r.ID)
	b = jsontext.AppendOptional(append(b, `,"external_id":`...), r.ExternalID)
	b = jsontext.AppendOptional(append(b, `,"version":`...), r.Version.String())
	return append(b, '}')
}

// appendGiven writes an ID as the row gives it, null if there is none that could be one.
func appendGiven(b []byte, id string) []byte {
	if len(id) > maxEchoed {
		id = ""
	}
	return jsontext.AppendOptional(b, id)
}
