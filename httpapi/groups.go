package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// groupRef names the group of the path.
func groupRef(c *call) enduser.GroupRef { return enduser.GroupByID(c.PathValue("id")) }

// createGroup makes a group. It never answers with one that was there: the answer
// to a create has a token, and that of another caller's group is not shown again.
func (a *api) createGroup(c *call) error {
	in, err := readGroup(c.Body())
	if err != nil {
		return err
	}
	spec, err := in.spec()
	if err != nil {
		return err
	}
	t := a.tenant(c)
	g, err := t.CreateGroup(c.Request.Context(), spec)
	if err != nil {
		return err
	}
	c.Locate(collection(c, groupsPath), g.ID)
	return a.showToken(c, t, http.StatusCreated, &g)
}

// showToken answers with a group and its token, which is new.
func (a *api) showToken(c *call, t enduser.Tenant, status int, g *enduser.Group) error {
	token, err := t.RevealGroupToken(c.Request.Context(), *g)
	if err != nil { // not what explain says: something was written
		return rest.Unavailable("outcome-unknown", "The group was written, and its new token cannot be shown. Rotate it.").Because(err)
	}
	c.Header()["Cache-Control"] = []string{"no-store"}
	return c.Versioned(status, g.Revision, appendNewGroup(c.Buffer(), g, token))
}

// listGroups answers a page of groups, or the one with a provided ID.
func (a *api) listGroups(c *call) error {
	values, err := c.Query()
	if err != nil {
		return err
	}
	q := rest.Query{Values: values}
	gq := enduser.GroupQuery{
		Limit: q.Number("limit", 50, 1, 200),
		Desc:  q.OneOf("order", "asc", "desc") == "desc",
	}
	provided := q.Text("provided_id")
	places := placesOf(&q)
	if provided != "" && places.given() {
		q.Fault("provided_id", enduser.CodeValue, "must not be given with a cursor")
	}
	if err := q.Strict(); err != nil {
		return err
	}
	if provided != "" {
		return a.listGroup(c, provided)
	}
	s := rest.NewScope("groups", c.Principal.Tenant, string(c.Principal.Environment), direction(gq.Desc))
	if gq.After, gq.Before, err = places.decode(s); err != nil {
		return err
	}
	page, err := a.tenant(c).ListGroups(c.Request.Context(), gq)
	if err != nil {
		return asQuery(err)
	}
	return c.JSON(http.StatusOK, appendGroupPage(c.Buffer(), &page, s))
}

// listGroup answers a page of the group with a provided ID, if there is one.
func (a *api) listGroup(c *call, provided string) error {
	var page enduser.GroupPage
	g, err := a.tenant(c).GetGroup(c.Request.Context(), enduser.GroupByProvidedID(provided))
	switch {
	case err == nil:
		page.Groups = []enduser.Group{g}
	case !errors.Is(err, enduser.ErrNotFound):
		return asQuery(err)
	}
	return c.JSON(http.StatusOK, appendGroupPage(c.Buffer(), &page, nil))
}

func (a *api) getGroup(c *call) error {
	g, err := a.tenant(c).GetGroup(c.Request.Context(), groupRef(c))
	return c.ShowIfNew(g.Revision, asPath(err), func(b []byte) []byte { return appendGroup(b, &g) })
}

func (a *api) updateGroup(c *call) error {
	in, err := readGroup(c.Body())
	if err != nil {
		return err
	}
	if in.providedID.Given {
		in.Fault("provided_id", enduser.CodeReadOnly, "never changes")
	}
	if err := in.Err(); err != nil {
		return err
	}
	g, err := a.tenant(c).UpdateGroup(c.Request.Context(), groupRef(c), func(g *enduser.Group) error {
		if err := c.IfMatch(g.Revision); err != nil {
			return err
		}
		return in.patch(g)
	})
	return c.Show(g.Revision, asPath(err), func(b []byte) []byte { return appendGroup(b, &g) })
}

// ifGroupMatch returns the request's precondition.
func ifGroupMatch(c *call) func(enduser.Group) error {
	return func(g enduser.Group) error { return c.IfMatch(g.Revision) }
}

func (a *api) deleteGroup(c *call) error {
	if err := a.tenant(c).DeleteGroupIf(c.Request.Context(), groupRef(c), ifGroupMatch(c)); err != nil {
		return asPath(err)
	}
	c.Empty(http.StatusNoContent)
	return nil
}

// rotateGroupToken gives a group a new token. Of several callers with one
// current_token one wins: the group is found by it.
func (a *api) rotateGroupToken(c *call) error {
	in, err := readRotation(c.Body())
	if err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	t, ctx := a.tenant(c), c.Request.Context()
	overlap := time.Duration(in.overlap.Value) * time.Second
	var g enduser.Group
	if in.current.Given {
		g, err = a.rotateCurrent(c, t, in.current.Value, overlap)
	} else {
		g, err = t.RotateGroupTokenIf(ctx, groupRef(c), overlap, ifGroupMatch(c))
	}
	if err != nil {
		return asPath(err)
	}
	return a.showToken(c, t, http.StatusOK, &g)
}

// rotateCurrent rotates the token of the path's group if that is its current one.
func (a *api) rotateCurrent(c *call, t enduser.Tenant, current string, overlap time.Duration) (enduser.Group, error) {
	ctx := c.Request.Context()
	holds := ifGroupMatch(c)
	g, err := t.RotateGroupTokenIf(ctx, enduser.GroupByToken(current), overlap, func(g enduser.Group) error {
		if g.ID != c.PathValue("id") {
			return enduser.ErrNotFound
		}
		return holds(g)
	})
	if !errors.Is(err, enduser.ErrNotFound) {
		return g, err
	}
	// It is another group's, or nobody's: what is wrong is the path, else If-Match,
	// else the token.
	if g, err = t.GetGroup(ctx, groupRef(c)); err == nil {
		err = holds(g)
	}
	if err == nil {
		err = staleToken()
	}
	return enduser.Group{}, err
}

// staleToken is the problem of a rotation that somebody else was faster with.
func staleToken() *rest.Problem {
	return &rest.Problem{
		Status: http.StatusConflict, Code: "stale-token", Title: "Not the current token",
		Detail: "current_token is not the token of this group now.",
	}
}
