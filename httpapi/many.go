package httpapi

import (
	"strconv"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

// getMany shows the users that references of any kind name, in their order.
func (a *api) getMany(c *call) error {
	in := refsInput{}
	in.NoNull = true
	p := jsontext.NewScanner(c.Body())
	if err := in.End(&p, p.Object(func(name string) error { return in.member(&p, name) })); err != nil {
		return err
	}
	if !in.given {
		in.Fault("refs", rest.CodeRequired, "must be given")
	}
	if err := in.Err(); err != nil {
		return err
	}
	r := a.Read(c)
	defer r.End()
	found, err := a.Tenant(c).GetAll(r.Context, in.refs)
	if err != nil {
		return r.Explain(err, "")
	}
	out, parts := c.Long("application/json"), problems{api: a, call: c}
	separator := `{"data":[`
	for i := range found {
		err := out.Add(func(b []byte) []byte {
			b = append(b, separator...)
			if p := parts.problem(found[i].Err); p != nil {
				return append(appendRowProblem(append(b, `{"error":`...), p), '}')
			}
			return append(userjson.Native(append(b, `{"user":`...), &found[i].User), '}')
		})
		if err != nil {
			return err
		}
		found[i], separator = enduser.Found{}, ","
	}
	parts.log()
	if len(found) > 0 {
		separator = ""
	}
	if err := out.Add(func(b []byte) []byte { return append(append(b, separator...), "]}"...) }); err != nil {
		return err
	}
	return out.End()
}

// refsInput is the body of getMany.
type refsInput struct {
	rest.Input

	given bool
	refs  []enduser.Ref
}

func (in *refsInput) member(p *jsontext.Scanner, name string) error {
	if name != "refs" {
		return in.Unknown(p, name)
	}
	if in.given = true; p.Kind() != jsontext.Array {
		in.Fault(name, rest.CodeType, "has another JSON type")
		_, err := p.Raw()
		return err
	}
	count := 0
	err := p.Array(func() error {
		if count++; count > enduser.MaxGetAll {
			_, err := p.Raw()
			return err
		}
		return in.ref(p, count)
	})
	if count > enduser.MaxGetAll {
		in.Fault(name, "too_many", "must have at most "+strconv.Itoa(enduser.MaxGetAll)+" items")
	}
	return err
}

// ref reads an object with one member, which says how the user is named.
func (in *refsInput) ref(p *jsontext.Scanner, item int) error {
	fault := func(member, code, message string) {
		in.FaultAt(rest.Path{Name: "refs", Item: item, Member: member}, code, message)
	}
	if p.Kind() != jsontext.Object {
		fault("", rest.CodeType, "must be an object")
		_, err := p.Raw()
		return err
	}
	members, ref := 0, enduser.Ref{}
	err := p.Object(func(name string) error {
		members++
		if p.Kind() != jsontext.String && name != "linked_account" || p.Kind() != jsontext.Object && name == "linked_account" {
			fault(name, rest.CodeType, "has another JSON type")
			_, err := p.Raw()
			return err
		}
		if name == "linked_account" {
			account, err := in.account(p, fault)
			ref = enduser.ByAccount(account)
			return err
		}
		value, err := p.String()
		switch name {
		case "id":
			ref = enduser.ByID(value)
		case "external_id":
			ref = enduser.ByExternalID(value)
		case "any_id":
			ref = enduser.ByEitherID(value)
		case "email":
			ref = enduser.ByEmail(value)
		default:
			fault(name, rest.CodeUnknown, "is not a member of a reference")
		}
		return err
	})
	if members != 1 {
		fault("", enduser.CodeValue, "must have one member: id, external_id, any_id, email or linked_account")
	}
	in.refs = append(in.refs, ref)
	return err
}

func (in *refsInput) account(p *jsontext.Scanner, fault func(member, code, message string)) (a enduser.Account, err error) {
	err = p.Object(func(name string) (err error) {
		isText := p.Kind() == jsontext.String
		switch {
		case name == "type" && isText:
			a.Type, err = p.String()
		case name == "id" && isText:
			a.ID, err = p.String()
		default:
			fault("linked_account", rest.CodeValue, "must have a type and an id, which are texts")
			_, err = p.Raw()
		}
		return err
	})
	return a, err
}
