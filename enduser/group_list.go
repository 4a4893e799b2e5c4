package enduser

import (
	"context"
	"iter"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// GroupQuery selects a page of groups, in the order of AddedAt. Its fields are those of
// [Query].
type GroupQuery struct {
	Desc          bool
	Limit         int
	After, Before Cursor
}

// GroupPage is a part of a list of groups; see [Page].
type GroupPage struct {
	Groups         []Group
	Next, Previous Cursor
	Unreadable     []string
}

// List returns a page of groups, with the promises of [Tenant.List].
func (g Groups) List(ctx context.Context, q GroupQuery) (GroupPage, error) {
	c, err := g.t.begin()
	if err != nil {
		return GroupPage{}, err
	}
	s := span{
		name: c.name, scope: scopeOf("groups", c.name, strconv.FormatBool(q.Desc)),
		desc: q.Desc, limit: q.Limit, after: q.After, before: q.Before,
	}
	var v violations
	s.check(&v)
	if err := v.err(); err != nil {
		return GroupPage{}, err
	}
	if err := s.own(false); err != nil {
		return GroupPage{}, err
	}
	found, err := list(ctx, g.t.m.store, s, store.Query{Kind: kindGroup}, g.t.listedGroup)
	return GroupPage{found.items, found.next, found.previous, found.unreadable}, err
}

// All returns an iterator over all groups, oldest first, as [Tenant.All] does
// over users.
func (g Groups) All(ctx context.Context) iter.Seq2[Group, error] {
	return func(yield func(Group, error) bool) {
		c, err := g.t.begin()
		if err != nil {
			yield(Group{}, err)
			return
		}
		each(ctx, g.t.m.store, c.name, store.Query{Kind: kindGroup}, g.t.listedGroup, yield)
	}
}

func (t Tenant) listedGroup(r *store.Record, g *Group) (in bool, err error) {
	*g, err = t.decodeGroup(r)
	return err == nil, err
}
