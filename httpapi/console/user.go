package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// userPage is all about one user.
type userPage struct {
	page

	User   enduser.User
	State  chip
	Avatar string // an address that can be a link

	MayEdit, MayAssociate, MayDelete bool

	Groups          []userGroup
	NoGroups        []string // that the user names, although there are none
	Metadata        metadataTable
	Properties      metadataTable
	Sensitive       []sensitiveRow
	SensitiveReason string // why the sensitive values are not known
	History         history
}

// userGroup is a group that a user belongs to.
type userGroup struct {
	ExternalID string
	ID         string // of the group; "" if it is not known
}

// sensitiveRow says that there is a sensitive value, and never what it is.
type sensitiveRow struct {
	Key            string
	Written, Until time.Time
}

// Profile is what the user says of itself.
func (p *userPage) Profile() []field {
	u := &p.User
	return []field{
		{Label: "Name", Value: u.Name},
		{Label: "First name", Value: u.FirstName},
		{Label: "Last name", Value: u.LastName},
		{Label: "E-mail", Value: u.Email},
		{Label: "Language", Value: u.Language},
	}
}

// unreadablePage is about a user of whom no more is known than the ID.
type unreadablePage struct {
	page

	ID        string
	Newer     bool // a newer program has written it; else it is damaged
	MayDelete bool
}

// user answers the page of the user with the ID of the path.
func (c *console) user(call *family.Call) error {
	id := call.PathValue("id")
	r := c.Read(call)
	defer r.End()
	u, err := c.Tenant(call).Get(r.Context, enduser.ByID(id))
	switch {
	case isUnreadable(err):
		return c.unreadableUser(call, id, err)
	case errors.Is(err, enduser.ErrInvalid): // what no ID can be
		return rest.NotFound()
	case err != nil:
		return r.Explain(err, "")
	}
	data := userPage{page: c.page(call, "users", nameOf(&u), "Users"), User: u}
	data.Crumbs = []link{{"users", "Users"}}
	data.State = stateOf(&u, data.Now)
	data.MayEdit = c.may(call, "updateEndUser", true)
	data.MayAssociate = !u.ExpiresAt.IsZero() && c.may(call, "associateEndUser", true)
	data.MayDelete = c.may(call, "deleteEndUser", true)
	if a, err := url.Parse(u.Avatar); err == nil && (a.Scheme == "http" || a.Scheme == "https") {
		data.Avatar = u.Avatar
	}
	data.Metadata, data.Properties = tableOf("metadata-json", u.Metadata), tableOf("properties-json", u.SystemProperties)
	c.more(r, call, &data)
	return c.show(call, http.StatusOK, "user", &data)
}

// more adds what takes further reads to the page of a user, and waits no longer for it than for
// the figures of the overview. The page says what it could not get.
func (c *console) more(r family.Reading, call *family.Call, p *userPage) {
	ctx, end := context.WithTimeout(r.Context, c.overviewFor)
	defer end()
	t, u := c.Tenant(call), &p.User
	sealed, err := t.Sealed(ctx, enduser.ByID(u.ID))
	p.SensitiveReason = notRead(call, err)
	for _, v := range sealed.Values {
		p.Sensitive = append(p.Sensitive, sensitiveRow{v.Key, v.Until.Add(-enduser.SensitiveTTL), v.Until})
	}
	if c.may(call, "listChanges", false) {
		p.History, err = historyOf(ctx, t, u.ID)
		p.History.Reason = notRead(call, err)
	} else {
		p.History.Hidden = true
	}
	p.Groups, p.NoGroups = groupsOf(ctx, t, u.Groups, c.may(call, "getGroup", false))
}

// notRead says why a part of a page is missing, "" if it is not.
func notRead(call *family.Call, err error) string {
	switch {
	case err == nil, errors.Is(err, enduser.ErrNotFound): // the user was deleted meanwhile
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		return "This could not be read in time."
	default:
		call.Log(slog.LevelWarn, "a part of a page cannot be read", slog.Any("error", err))
		return "This cannot be read now."
	}
}

// isUnreadable reports whether a user cannot be read. Nobody knows what a damaged record was.
func isUnreadable(err error) bool {
	unreadable, ok := errors.AsType[*enduser.UnreadableError](err)
	return ok && (unreadable.Kind == "user" || unreadable.Kind == "")
}

func (c *console) unreadableUser(call *family.Call, id string, err error) error {
	call.Log(slog.LevelWarn, "a user cannot be read", slog.Any("error", err))
	data := unreadablePage{
		page: c.page(call, "users", "Unreadable user", "Users"), ID: id,
		Newer: errors.Is(err, enduser.ErrNewer), MayDelete: c.may(call, "deleteEndUser", true),
	}
	data.Crumbs = []link{{"users", "Users"}}
	return c.show(call, http.StatusOK, "unreadable", &data)
}

// nameOf returns what a user is called on a page: never by the ID alone, which says nothing.
func nameOf(u *enduser.User) string {
	for _, name := range []string{u.DisplayName(), u.Email, u.ExternalID} {
		if name = visible(name); strings.ContainsFunc(name, unicode.IsGraphic) && strings.TrimSpace(name) != "" {
			return name
		}
	}
	return "User without a name"
}

// stateOf is the chip of a user: permanent, or when it expires.
func stateOf(u *enduser.User, now time.Time) chip {
	if u.ExpiresAt.IsZero() {
		return chip{"", "permanent"}
	}
	return chip{"warn", "expires " + moment{u.ExpiresAt, now}.Words()}
}

// groupsOf returns the groups of a user, and those that it names although there are none. The IDs
// of groups that could not be looked up in time are missing.
func groupsOf(ctx context.Context, t enduser.Tenant, names []string, mayOpen bool) (groups []userGroup, none []string) {
	for _, name := range names {
		var g enduser.Group
		var err error
		if mayOpen && ctx.Err() == nil {
			g, err = t.Groups().Get(ctx, enduser.GroupByExternalID(name))
		}
		if unreadable, ok := errors.AsType[*enduser.UnreadableError](err); ok {
			g.ID = unreadable.ID
		}
		if errors.Is(err, enduser.ErrNotFound) {
			none = append(none, name)
		} else {
			groups = append(groups, userGroup{name, g.ID})
		}
	}
	return groups, none
}
