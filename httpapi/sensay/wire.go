package sensay

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// shownID returns the id that answers show for a user.
func shownID(u *enduser.User) string { return cmp.Or(u.ExternalID, u.ID) }

// appendUser writes a user. It leaves out a name or address that the user does not have.
func appendUser(b []byte, u *enduser.User) []byte {
	b = append(b, `{"success":true`...)
	if name := u.DisplayName(); name != "" {
		b = jsontext.AppendString(append(b, `,"name":`...), name)
	}
	if u.Email != "" {
		b = jsontext.AppendString(append(b, `,"email":`...), u.Email)
	}
	b = jsontext.AppendString(append(b, `,"id":`...), shownID(u))
	b = jsontext.AppendList(append(b, `,"linkedAccounts":`...), u.Accounts, appendAccount)
	return append(b, '}')
}

func appendAccount(b []byte, a enduser.Account) []byte {
	b = jsontext.AppendString(append(b, `{"accountID":`...), a.ID)
	b = jsontext.AppendString(append(b, `,"accountType":`...), a.Type)
	return append(b, '}')
}

// userInput is the body of a create or update.
type userInput struct {
	rest.Input

	id, name, email rest.Optional[string]

	accounts rest.Optional[[]enduser.Account]
}

// readUser reads a body and validates its form. spec and change validate the values.
func readUser(body string) (in userInput, err error) {
	in.NoNull = true
	p := jsontext.NewScanner(body)
	if err = in.End(&p, p.Object(func(name string) error { return in.member(&p, name) })); err != nil {
		return in, err
	}
	for i, a := range in.accounts.Value { // the domain would merge them
		if slices.Contains(in.accounts.Value[:i], a) {
			in.FaultAt(item(i), enduser.CodeDuplicate, "is given twice")
		}
	}
	return in, in.Err()
}

// item names an account of a body.
func item(i int) rest.Path { return rest.Path{Name: "linkedAccounts", Item: i + 1} }

func (in *userInput) member(p *jsontext.Scanner, name string) error {
	switch name {
	case "id":
		return rest.Member(&in.Input, p, name, &in.id, p.String)
	case "name":
		return rest.Member(&in.Input, p, name, &in.name, p.String)
	case "email":
		return rest.Member(&in.Input, p, name, &in.email, p.String)
	case "linkedAccounts":
		return rest.Member(&in.Input, p, name, &in.accounts, rest.Array(p, func(i int) (enduser.Account, error) {
			return in.readAccount(p, i)
		}))
	case "success": // of an answer that is sent back as it is
		_, err := p.Raw()
		return err
	}
	// The answer does not repeat its name, which may be personal data.
	in.Fault("body", rest.CodeUnknown, "has a member that is none of id, name, email and linkedAccounts")
	_, err := p.Raw()
	return err
}

func (in *userInput) readAccount(p *jsontext.Scanner, i int) (a enduser.Account, err error) {
	err = p.Object(func(name string) (err error) {
		switch name {
		case "accountType":
			a.Type, err = p.String()
		case "accountID":
			a.ID, err = p.String()
		default:
			in.FaultAt(item(i), rest.CodeUnknown, "has a member that is neither accountID nor accountType")
			_, err = p.Raw()
		}
		return err
	})
	return a, err
}

// spec returns the user to create.
func (in *userInput) spec(t enduser.Tenant) (enduser.Spec, error) {
	var wrong rest.Input
	if in.id.Given {
		checkID(&wrong, t, in.id.Value)
	}
	checkName(&wrong, in.name.Value)
	in.checkEmail(&wrong)
	return enduser.Spec{
		ExternalID: in.id.Value, Name: in.name.Value, Email: in.email.Value, Accounts: in.accounts.Value,
	}, wrong.Err()
}

// change applies the body to a user of the tenant. It validates only the values that
// change: another family may have written the others.
func (in *userInput) change(t enduser.Tenant, e *enduser.Edit) error {
	var wrong rest.Input
	if in.id.Value != e.ID && !t.SameExternalID(in.id.Value, shownID(&e.User)) {
		checkID(&wrong, t, in.id.Value)
		e.ExternalID = in.id.Value
	}
	if in.name.Given && in.name.Value != e.DisplayName() {
		checkName(&wrong, in.name.Value)
		e.Name = in.name.Value
	}
	in.checkEmail(&wrong)
	in.email.Set(&e.Email)
	in.accounts.Set(&e.Accounts)
	return wrong.Err()
}

// checkID refuses ids that no path can name. The policy validates the others.
func checkID(in *rest.Input, t enduser.Tenant, id string) {
	switch {
	case id == "":
		in.Fault("id", enduser.CodeRequired, "must not be empty")
	case t.SameExternalID(id, "me"):
		in.Fault("id", enduser.CodeValue, "must not be me, which stands for the acting user")
	}
}

// checkName accepts the vendor's pattern: ^[a-zA-Z0-9\s().,'\-/]*$
func checkName(in *rest.Input, name string) {
	for _, r := range name {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		case unicode.IsSpace(r), strings.ContainsRune("().,'-/", r):
		default:
			in.Fault("name", enduser.CodeCharacter, "may have ASCII letters and digits, white space and ( ) . , ' - / alone")
			return
		}
	}
}

// checkEmail refuses a blank address, which for the domain means none.
func (in *userInput) checkEmail(wrong *rest.Input) {
	if in.email.Given && strings.TrimSpace(in.email.Value) == "" {
		wrong.Fault("email", enduser.CodeFormat, "must be an e-mail address")
	}
}
