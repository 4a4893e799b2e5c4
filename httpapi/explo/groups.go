package explo

import (
	"errors"
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// tenant returns the handle that a call's groups are reached through.
func (f *family) tenant(c *call) enduser.Tenant {
	return c.Principal.In(f.users).With(f.policy)
}

// getOrCreate shows the group with an ID, and makes it if there is none.
func (f *family) getOrCreate(c *call) error {
	in, err := readBody(c.Body(), "user_group_id", "name", "mapping", "properties", "is_demo_group")
	if err != nil {
		return err
	}
	t := f.tenant(c)
	g, outcome, err := t.EnsureGroup(c.Request.Context(), enduser.GroupSpec{
		ProvidedID: in.id.Value, Name: in.name.Value, Mapping: in.mapping.Value, Properties: in.properties.Value,
		Demo: in.demo.Value,
	})
	if err != nil {
		return err
	}
	if outcome == enduser.Created {
		return showWritten(c, t, &g, `{"success":1,"new_user_group":true,"user_group":`)
	}
	token, err := t.RevealGroupToken(c.Request.Context(), g)
	if err != nil {
		return err
	}
	return show(c, &g, token, `{"success":1,"new_user_group":false,"user_group":`)
}

// update changes what the body has of the group with its ID.
func (f *family) update(c *call) error {
	in, err := readBody(c.Body(), "user_group_id", "name", "mapping", "properties", "is_demo_group")
	if err != nil {
		return err
	}
	t := f.tenant(c)
	g, err := t.UpdateGroup(c.Request.Context(), enduser.GroupByProvidedID(in.id.Value), func(g *enduser.Group) error {
		in.apply(g)
		return c.IfMatch(g.Revision)
	})
	if err != nil {
		return err
	}
	return showWritten(c, t, &g, `{"success":1,"user_group":`)
}

// refresh gives the group whose token the body has another one.
func (f *family) refresh(c *call) error {
	in, err := readBody(c.Body(), "current_token")
	if err != nil {
		return err
	}
	t, ref := f.tenant(c), enduser.GroupByToken(in.token.Value)
	g, err := t.RotateGroupTokenIf(c.Request.Context(), ref, f.overlap, func(g enduser.Group) error { return c.IfMatch(g.Revision) })
	if err != nil {
		return err
	}
	return showWritten(c, t, &g, `{"success":1,"user_group":`)
}

// deleteByToken deletes the group whose token the body has.
func (f *family) deleteByToken(c *call) error {
	in, err := readBody(c.Body(), "current_token")
	if err != nil {
		return err
	}
	return f.delete(c, &in)
}

// deleteByEither deletes the group whose token or ID the body has.
func (f *family) deleteByEither(c *call) error {
	in, err := readBody(c.Body(), "current_token", "user_group_id")
	if err != nil {
		return err
	}
	return f.delete(c, &in)
}

func (f *family) delete(c *call, in *input) error {
	ref := enduser.GroupByToken(in.token.Value)
	if given(in.id) && !given(in.token) {
		ref = enduser.GroupByProvidedID(in.id.Value)
	}
	err := f.tenant(c).DeleteGroupIf(c.Request.Context(), ref, func(g enduser.Group) error {
		if given(in.id) && !enduser.SameExternalID(in.id.Value, g.ProvidedID) {
			return rest.Invalid(rest.Field{
				Pointer: "user_group_id", Code: enduser.CodeValue, Message: "is not that of the group with this current_token",
			})
		}
		return c.IfMatch(g.Revision)
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, append(c.Buffer(), `{"success":1}`...))
}

// showWritten answers with a group that the call has written. What was written stays
// so if its token cannot be shown, and the client has to know.
func showWritten(c *call, t enduser.Tenant, g *enduser.Group, head string) error {
	token, err := t.RevealGroupToken(c.Request.Context(), *g)
	if errors.Is(err, enduser.ErrNoKey) { // of an old token: one that is new has its key
		return err
	}
	if err != nil {
		return rest.Unavailable("outcome-unknown", "The user group was written, but its token cannot be shown now. "+
			"Get the user group to see it.").Because(err)
	}
	return show(c, g, token, head)
}

// show answers with a group behind the head of the body.
func show(c *call, g *enduser.Group, token, head string) error {
	c.Header().Set("Cache-Control", "no-store") // GET too: what it shows depends on its body
	b := appendGroup(append(c.Buffer(), head...), g, token)
	return c.Versioned(http.StatusOK, g.Revision, append(b, '}'))
}
