package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

// groups returns the handle that a call's groups are reached through.
func (a *api) groups(c *call) enduser.Groups { return a.Tenant(c).Groups() }

// groupRef names the group of the path.
func groupRef(c *call) enduser.GroupRef { return enduser.GroupByID(c.PathValue("id")) }

// createGroup creates a group. It never returns one that exists: its answer shows a token,
// and that of an existing group is not shown again.
func (a *api) createGroup(c *call) error {
	in, err := readGroup(c.Body(), false)
	if err != nil {
		return err
	}
	spec, err := in.spec()
	if err != nil {
		return err
	}
	g, token, err := a.groups(c).Create(c.Request.Context(), spec, family.Conditions(c)...)
	if err != nil {
		return err
	}
	c.Locate(collection(c, groupsPath), g.ID)
	if hidden, err := a.hides(c, "getGroup"); hidden || err != nil {
		return showCreated(c, g.ID, "token", token, err)
	}
	return showToken(c, http.StatusCreated, &g, token)
}

// showToken answers with a group and its token, which is new.
func showToken(c *call, status int, g *enduser.Group, token string) error {
	c.Header()["Cache-Control"] = []string{"no-store"}
	return c.Versioned(status, g.Version.String(), appendNewGroup(c.Buffer(), g, token))
}

// listGroups answers a page of groups, or the one with an external ID.
func (a *api) listGroups(c *call) error {
	q, err := c.Query()
	if err != nil {
		return err
	}
	gq := enduser.GroupQuery{
		Limit: q.Number("limit", 50, 1, 200),
		Desc:  q.OneOf("order", "asc", "desc") == "desc",
	}
	externalID := q.Text("external_id")
	places := placesOf(&q)
	if externalID != "" && places.given() {
		q.Fault("external_id", enduser.CodeValue, "must not be given with a cursor")
	}
	if err := q.Strict(); err != nil {
		return err
	}
	if externalID != "" {
		return a.listGroup(c, externalID)
	}
	if gq.After, gq.Before, err = places.cursors(); err != nil {
		return err
	}
	r := a.Read(c)
	defer r.End()
	page, err := a.groups(c).List(r.Context, gq)
	if err != nil {
		return r.Explain(asParameters(err), places.reached(page.Next, page.Previous))
	}
	family.LogUnreadable(c, page.Unreadable)
	return c.JSON(http.StatusOK, appendGroupPage(c.Buffer(), &page))
}

// listGroup answers a page of the one group with an external ID, or an empty one.
func (a *api) listGroup(c *call, externalID string) error {
	var page enduser.GroupPage
	g, err := a.groups(c).Get(c.Request.Context(), enduser.GroupByExternalID(externalID))
	switch {
	case err == nil:
		page.Groups = []enduser.Group{g}
	case !errors.Is(err, enduser.ErrNotFound):
		return asParameters(err)
	}
	return c.JSON(http.StatusOK, appendGroupPage(c.Buffer(), &page))
}

func (a *api) getGroup(c *call) error {
	g, err := a.groups(c).Get(c.Request.Context(), groupRef(c))
	return c.ShowIfNew(g.Version.String(), asPath(err), func(b []byte) []byte { return userjson.Group(b, &g) })
}

func (a *api) updateGroup(c *call) error {
	in, err := readGroup(c.Body(), true)
	if err != nil {
		return err
	}
	if in.externalID.Given {
		in.Fault("external_id", enduser.CodeReadOnly, "never changes")
	}
	if err := in.Err(); err != nil {
		return err
	}
	g, err := a.groups(c).Update(c.Request.Context(), groupRef(c), in.patch, family.Conditions(c)...)
	return c.Show(g.Version.String(), asPath(err), func(b []byte) []byte { return userjson.Group(b, &g) })
}

func (a *api) deleteGroup(c *call) error {
	if err := a.groups(c).Delete(c.Request.Context(), groupRef(c), family.Conditions(c)...); err != nil {
		return asPath(err)
	}
	c.Empty(http.StatusNoContent)
	return nil
}

// rotateGroupToken gives a group a new token. If several clients send the same
// current_token at once, one succeeds, since the group is found by it.
func (a *api) rotateGroupToken(c *call) error {
	in, err := readRotation(c.Body())
	if err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	overlap := time.Duration(in.overlap.Value) * time.Second
	rotate := func(ref enduser.GroupRef, conds ...enduser.Condition) (enduser.Group, string, error) {
		return a.groups(c).Rotate(c.Request.Context(), ref, overlap, append(conds, family.Conditions(c)...)...)
	}
	var g enduser.Group
	var token string
	if in.current.Given {
		g, token, err = rotate(enduser.GroupByToken(in.current.Value), enduser.IfGroup(isOfPath(c)))
		if errors.Is(err, enduser.ErrNotFound) {
			err = a.notCurrent(c)
		}
	} else {
		g, token, err = rotate(groupRef(c))
	}
	if err != nil {
		return asPath(err)
	}
	return showToken(c, http.StatusOK, &g, token)
}

// isOfPath returns the condition that a group has the ID of the path.
func isOfPath(c *call) func(enduser.Group) error {
	return func(g enduser.Group) error {
		if g.ID != c.PathValue("id") {
			return enduser.ErrNotFound
		}
		return nil
	}
}

// notCurrent returns the error for a current_token of another group, or of none: the path is
// checked first, then the preconditions; otherwise the token is stale.
func (a *api) notCurrent(c *call) error {
	g, err := a.groups(c).Get(c.Request.Context(), groupRef(c))
	if err == nil {
		err = c.Check(g.Version.String())
	}
	if err == nil {
		err = staleToken()
	}
	return err
}

// staleToken is the problem of a rotation whose current_token was replaced.
func staleToken() *rest.Problem {
	return &rest.Problem{
		Status: http.StatusConflict, Code: "stale-token", Title: "Not the current token",
		Detail: "current_token is not the group's current token.",
	}
}
