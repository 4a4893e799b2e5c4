package sensay

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// appendProblem writes a problem in the form of the vendor's schema.
func appendProblem(b []byte, p *rest.Problem) []byte {
	code, text := describe(p)
	b = jsontext.AppendString(append(b, `{"success":false,"error":`...), text)
	b = jsontext.AppendString(append(b, `,"error_code":`...), code)
	b = appendFingerprint(append(b, `,"fingerprint":"`...), code, p.Route)
	b = jsontext.AppendString(append(b, `","request_id":`...), p.RequestID)
	return append(b, '}')
}

// describe returns a problem's error_code and text.
func describe(p *rest.Problem) (code, text string) {
	switch p.Field {
	case "external_id":
		return "USER_EXISTS", "A user with this id exists already."
	case "email":
		return "EMAIL_EXISTS", "A user with this email exists already."
	case "linked_accounts":
		return "LINKED_ACCOUNT_EXISTS", "A user with one of these linkedAccounts exists already."
	}
	code = strings.ToUpper(strings.ReplaceAll(p.Code, "-", "_"))
	if len(p.Errors) == 0 {
		return code, p.Detail
	}
	return code, p.Title + ": " + listed(p.Errors, p.Total) + "."
}

// maxFaults is how many faults an answer names. A body can have many more.
const maxFaults = 8

// listed returns the text of the first faults, of a total number.
func listed(faults []rest.Field, total int) string {
	var text strings.Builder
	for i, f := range faults[:min(len(faults), maxFaults)] {
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(wire(f.Path) + " " + f.Message)
	}
	if more := total - maxFaults; more > 0 {
		text.WriteString("; and " + strconv.Itoa(more) + " more")
	}
	return text.String()
}

// wire returns a path in the member names of this family. None of them comes from the
// request.
func wire(p rest.Path) string {
	switch p.Name {
	case "external_id":
		p.Name = "id"
	case "linked_accounts":
		p.Name = "linkedAccounts"
	}
	switch p.Member {
	case "type":
		p.Member = "accountType"
	case "id":
		p.Member = "accountID"
	}
	return enduser.Field(p).String()
}

// appendFingerprint writes 32 hex digits that stand for an error_code and a route.
func appendFingerprint(b []byte, code, route string) []byte {
	sum := sha256.Sum256([]byte(code + "\x00" + route))
	return hex.AppendEncode(b, sum[:16])
}
