package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
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
	Name   string
	State  chip
	Avatar string // an address that can be a link

	MayEdit, MayAssociate, MayDelete, MayList bool

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
		{Label: "Name", Value: u.Name}, {Label: "First name", Value: u.FirstName}, {Label: "Last name", Value: u.LastName},
		{Label: "E-mail", Value: u.Email}, {Label: "Language", Value: u.Language},
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
	data := userPage{page: c.page(call, "users", nameOf(&u), "Users"), User: u, Name: nameOf(&u)}
	data.Crumbs = []link{{"users", "Users"}}
	data.State = stateOf(&u, data.Now)
	data.MayEdit = c.may(call, "updateEndUser", true)
	data.MayAssociate = !u.ExpiresAt.IsZero() && c.may(call, "associateEndUser", true)
	data.MayDelete = c.may(call, "deleteEndUser", true)
	data.MayList = c.may(call, "listEndUsers", false)
	if a, err := url.Parse(u.Avatar); err == nil && (a.Scheme == "http" || a.Scheme == "https") {
		data.Avatar = u.Avatar
	}
	data.Metadata, data.Properties = tableOf("metadata-json", u.Metadata), tableOf("properties-json", u.SystemProperties)
	ctx, end := context.WithTimeout(r.Context, c.overviewFor)
	defer end()
	data.Sensitive, data.SensitiveReason = c.sensitive(ctx, call, id)
	data.History = c.historyOf(ctx, call, id)
	data.Groups, data.NoGroups = c.groupsOf(ctx, call, &u)
	return c.show(call, http.StatusOK, "user", &data)
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
		return chip{"ok", "permanent"}
	}
	return chip{"warn", "expires " + moment{u.ExpiresAt, now}.Words()}
}

// sensitive returns the names of a user's sensitive values, and when they were written.
func (c *console) sensitive(ctx context.Context, call *family.Call, id string) (rows []sensitiveRow, reason string) {
	sealed, err := c.Tenant(call).Sealed(ctx, enduser.ByID(id))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, "They could not be read in time."
	case errors.Is(err, enduser.ErrNotFound): // deleted meanwhile
		return nil, ""
	case err != nil:
		call.Log(slog.LevelWarn, "sensitive values cannot be read", slog.Any("error", err))
		return nil, "They cannot be read."
	}
	for _, v := range sealed.Values {
		rows = append(rows, sensitiveRow{v.Key, v.Until.Add(-enduser.SensitiveTTL), v.Until})
	}
	return rows, ""
}

// groupsOf returns the groups of a user, and those that it names although there are none. The IDs
// of groups that could not be looked up in time are missing.
func (c *console) groupsOf(ctx context.Context, call *family.Call, u *enduser.User) (groups []userGroup, none []string) {
	mayOpen := c.may(call, "getGroup", false)
	for _, name := range u.Groups {
		var g enduser.Group
		var err error
		if mayOpen && ctx.Err() == nil {
			g, err = c.Tenant(call).Groups().Get(ctx, enduser.GroupByExternalID(name))
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

// metadataTable is metadata as people read it, and as JSON.
type metadataTable struct {
	ID   string // of the JSON in the page
	Rows []metadataRow
	JSON string
}

// metadataRow is a value of metadata. An object or a list has its JSON, and Value says what it is.
type metadataRow struct {
	Key, Type, Value string
	JSON             string
}

func tableOf(id string, m enduser.Metadata) (t metadataTable) {
	t.ID = id
	if len(m) == 0 {
		return t
	}
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		t.Rows = append(t.Rows, metadataRowOf(key, m[key]))
	}
	t.JSON = indented(string(m.AppendJSON(nil)))
	return t
}

func metadataRowOf(key string, v enduser.Value) metadataRow {
	row := metadataRow{Key: key, Value: v.String()}
	switch v.Text()[0] {
	case '"':
		row.Type = "text"
	case '{':
		var object map[string]json.RawMessage
		_ = v.Decode(&object) // it is one
		row.Type, row.Value, row.JSON = "object", plural(len(object), "member"), indented(v.Text())
	case '[':
		var list []json.RawMessage
		_ = v.Decode(&list) // it is one
		row.Type, row.Value, row.JSON = "list", plural(len(list), "item"), indented(v.Text())
	case 't', 'f':
		row.Type = "boolean"
	case 'n':
		row.Type = "null"
	default:
		row.Type = "number"
	}
	return row
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

// indented returns a JSON text for people. The characters that visible replaces are escaped, so
// that it is the same JSON.
func indented(text string) string {
	var b strings.Builder
	for _, r := range text {
		if hides(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(b.String()), "", "  "); err != nil {
		return text
	}
	return out.String()
}
