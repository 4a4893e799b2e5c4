package explo

import (
	"errors"
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// reveal is the action of showing the token of a group that exists. No native route does.
const reveal = "revealGroupToken"

// getOrCreate shows the group with an ID, or creates it.
func (a *api) getOrCreate(c *call) error {
	in, err := readBody(c.Body(), "user_group_id", "name", "mapping", "properties", "is_demo_group")
	if err != nil {
		return err
	}
	t := a.Tenant(c)
	spec := enduser.GroupSpec{
		ExternalID: in.id.Value, Name: in.name.Value, Metadata: in.properties.Value, SystemProperties: make(enduser.Metadata),
	}
	if in.setOwn(t, spec.SystemProperties) != nil {
		spec.SystemProperties = in.mapping.Value // Ensure refuses it if there is no such group yet
	}
	groups := t.Groups()
	g, outcome, err := groups.Ensure(c.Request.Context(), spec, family.Conditions(c)...)
	if err != nil {
		return err
	}
	if outcome == enduser.Created {
		return showWritten(c, groups, &g, `{"success":1,"new_user_group":true,"user_group":`)
	}
	for _, action := range []string{"getGroup", reveal} {
		if err := a.Allow(c, action, false); err != nil {
			return err
		}
	}
	token, err := groups.Reveal(c.Request.Context(), g)
	if err != nil {
		return err
	}
	const head = `{"success":1,"new_user_group":false,"user_group":`
	if m := c.Request.Method; m == http.MethodGet || m == http.MethodHead {
		return c.ShowIfNew(g.Version.String(), nil, body(c, &g, token, head))
	}
	return show(c, &g, token, head)
}

// update changes the members of a group that the body has.
func (a *api) update(c *call) error {
	in, err := readBody(c.Body(), "user_group_id", "name", "mapping", "properties", "is_demo_group")
	if err != nil {
		return err
	}
	if err := a.Allow(c, reveal, false); err != nil {
		return err
	}
	t := a.Tenant(c)
	groups := t.Groups()
	g, err := groups.Update(c.Request.Context(), enduser.GroupByExternalID(in.id.Value), func(g *enduser.Group) error {
		set(&g.Name, in.name)
		set(&g.Metadata, in.properties)
		return in.setOwn(t, g.SystemProperties)
	}, family.Conditions(c)...)
	if err != nil {
		return err
	}
	return showWritten(c, groups, &g, `{"success":1,"user_group":`)
}

// refresh rotates the token of the group that the body's token names.
func (a *api) refresh(c *call) error {
	in, err := readBody(c.Body(), "current_token")
	if err != nil {
		return err
	}
	current := enduser.GroupByToken(in.token.Value)
	g, token, err := a.Tenant(c).Groups().Rotate(c.Request.Context(), current, a.overlap, family.Conditions(c)...)
	if err != nil {
		return err
	}
	return show(c, &g, token, `{"success":1,"user_group":`)
}

// deleteByToken deletes the group that the body's token names.
func (a *api) deleteByToken(c *call) error {
	in, err := readBody(c.Body(), "current_token")
	if err != nil {
		return err
	}
	return a.delete(c, &in)
}

// deleteByEither deletes the group that the body's token or ID names.
func (a *api) deleteByEither(c *call) error {
	in, err := readBody(c.Body(), "current_token", "user_group_id")
	if err != nil {
		return err
	}
	return a.delete(c, &in)
}

func (a *api) delete(c *call, in *input) error {
	ref := enduser.GroupByToken(in.token.Value)
	if given(in.id) && !given(in.token) {
		ref = enduser.GroupByExternalID(in.id.Value)
	}
	same := enduser.IfGroup(func(g enduser.Group) error {
		if given(in.id) && !enduser.SameGroupID(in.id.Value, g.ExternalID) {
			return rest.Invalid(rest.Field{
				Path: rest.Path{Name: "user_group_id"}, Code: enduser.CodeValue,
				Message: "is not that of the group with this current_token",
			})
		}
		return nil
	})
	if err := a.Tenant(c).Groups().Delete(c.Request.Context(), ref, append([]enduser.Condition{same}, family.Conditions(c)...)...); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, append(c.Buffer(), `{"success":1}`...))
}

// showWritten shows a group that the call has written, with its token. If the token cannot
// be shown, the group stays written, and the answer says so.
func showWritten(c *call, groups enduser.Groups, g *enduser.Group, head string) error {
	token, err := groups.Reveal(c.Request.Context(), *g)
	if errors.Is(err, enduser.ErrNoKey) { // of an old token: one that is new has its key
		return err
	}
	if err != nil {
		return rest.Unavailable("outcome-unknown", "The user group was written, but its token cannot be shown now. "+
			"Get the user group to see it.").Because(err)
	}
	return show(c, g, token, head)
}

// show answers with a body that begins with head and has a group.
func show(c *call, g *enduser.Group, token, head string) error {
	return c.Show(g.Version.String(), nil, body(c, g, token, head))
}

// body returns a function that appends the body of an answer with a group.
func body(c *call, g *enduser.Group, token, head string) func([]byte) []byte {
	return func(b []byte) []byte {
		c.Header().Set("Cache-Control", "no-store") // GET too: what it shows depends on its body
		return append(appendGroup(append(b, head...), g, token), '}')
	}
}
