package enduser_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// model is the Manager as its documentation describes it, for one environment of
// one tenant: a list of users and a list of changes, without store, keys or
// indexes. It judges every rule by looking at all users.
type model struct {
	now      time.Time
	users    []*modelUser // by creation
	groups   []*modelGroup
	feed     []enduser.Change
	revision int64
	trimmed  int64            // the last revision whose change was forgotten
	first    enduser.Position // of the first change
}

type modelUser struct {
	enduser.User
	claimed bool                     // the e-mail address
	seen    map[enduser.Version]bool // all that it had
}

// key is the comparison of the few strings that the random runs use.
func key(s string) string {
	return strings.ToUpper(strings.NewReplacer("e\u0301", "É", "E\u0301", "É").Replace(s))
}

func (m *model) live(u *modelUser) bool { return u.ExpiresAt.IsZero() || m.now.Before(u.ExpiresAt) }

func (m *model) alive() []*modelUser {
	return slices.DeleteFunc(slices.Clone(m.users), func(u *modelUser) bool { return !m.live(u) })
}

// groupKey is the comparison of groups' IDs.
func groupKey(s string) string {
	return strings.NewReplacer("e\u0301", "é", "E\u0301", "É").Replace(s)
}

// find returns the users to which a description applies.
func find(users []*modelUser, is func(*modelUser) bool) []*modelUser {
	return slices.DeleteFunc(slices.Clone(users), func(u *modelUser) bool { return !is(u) })
}

// clash returns the field in which two users cannot be as they are together; ""
// if they can.
func clash(u, other *modelUser) string {
	names := func(u *modelUser) []string {
		if u.ExternalID == "" {
			return []string{key(u.ID)} // nobody may shadow it
		}
		return []string{key(u.ID), key(u.ExternalID)}
	}
	switch {
	case slices.ContainsFunc(names(u), func(name string) bool { return slices.Contains(names(other), name) }):
		return "external_id"
	case slices.ContainsFunc(u.Accounts, func(a enduser.Account) bool { return slices.Contains(other.Accounts, a) }):
		return "linked_accounts"
	case u.claimed && other.claimed && key(u.Email) == key(other.Email):
		return "email"
	}
	return ""
}

// conflicts returns what a write of u meets that may set its address or its external ID:
// the conflicts, any of which may be reported, and the expired users that it replaces.
func (m *model) conflicts(u *modelUser, claims bool) (conflicts []enduser.ConflictError, expired []*modelUser) {
	for _, other := range m.users {
		if other.ID == u.ID {
			continue
		}
		field := clash(u, other)
		switch {
		case field != "" && !m.live(other):
			expired = append(expired, other)
		case field != "":
			conflicts = append(conflicts, enduser.ConflictError{Kind: "user", Field: field, HolderID: other.ID})
		}
		if m.live(other) && claims && other.Email != "" && key(u.Email) == key(other.Email) {
			conflicts = append(conflicts, enduser.ConflictError{Kind: "user", Field: "email", HolderID: other.ID})
		}
	}
	return conflicts, expired
}

// end removes a user and says so in the feed.
func (m *model) end(u *modelUser, kind enduser.ChangeType, actor string) {
	m.users = slices.DeleteFunc(m.users, func(other *modelUser) bool { return other == u })
	m.change(kind, u.ID, actor, nil)
}

func (m *model) change(kind enduser.ChangeType, id, actor string, fields []string) {
	m.revision++
	m.feed = append(m.feed, enduser.Change{
		Revision: m.revision, Type: kind, Kind: "user", ID: id, Actor: actor, At: m.now, Fields: fields,
	})
}

// ambiguous says whether a spec identifies a user by an address that several have.
func (m *model) ambiguous(s enduser.Spec, policy enduser.Policy) bool {
	email := strings.TrimSpace(s.Email)
	if s.ExternalID != "" || len(s.Accounts) > 0 || !policy.UniqueEmail || email == "" {
		return false
	}
	return len(find(m.alive(), func(u *modelUser) bool { return u.Email != "" && key(u.Email) == key(email) })) > 1
}

// identified returns the user that a spec identifies.
func (m *model) identified(s enduser.Spec, policy enduser.Policy) *modelUser {
	var found []*modelUser
	switch email := strings.TrimSpace(s.Email); {
	case s.ExternalID != "":
		found = find(m.alive(), func(u *modelUser) bool { return u.ExternalID != "" && key(u.ExternalID) == key(s.ExternalID) })
	case len(s.Accounts) > 0:
		found = find(m.alive(), func(u *modelUser) bool { return slices.Contains(u.Accounts, s.Accounts[0]) })
	case policy.UniqueEmail && email != "":
		found = find(m.alive(), func(u *modelUser) bool { return u.Email != "" && key(u.Email) == key(email) })
	}
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// create adds a user with an ID that the Manager chose. It returns the conflicts
// that stand against it.
func (m *model) create(id, actor string, in enduser.Tenant, s enduser.Spec, policy enduser.Policy) (*modelUser, []enduser.ConflictError) {
	u := &modelUser{User: enduser.User{
		ID: id, Tenant: in.Name(), Environment: in.Environment(), CreatedBy: actor, UpdatedBy: actor, CreatedAt: m.now, UpdatedAt: m.now, AddedAt: m.now,
	}, seen: make(map[enduser.Version]bool)}
	merge(s, &u.User)
	u.Email = strings.TrimSpace(u.Email)
	if s.ExpiresIn > 0 {
		u.ExpiresAt = m.now.Add(s.ExpiresIn)
	}
	u.claimed = policy.UniqueEmail && u.Email != ""
	conflicts, expired := m.conflicts(u, u.claimed)
	if len(conflicts) > 0 {
		return nil, conflicts
	}
	for _, e := range expired {
		m.end(e, enduser.ChangeExpired, actor)
	}
	m.change(enduser.ChangeCreated, id, actor, nil)
	u.Revision = m.revision
	m.users = append(m.users, u)
	return u, nil
}

// merge is Spec.Merge in the words of its documentation.
func merge(s enduser.Spec, u *enduser.User) {
	if s.ExternalID != "" && key(s.ExternalID) != key(u.ExternalID) {
		u.ExternalID = s.ExternalID
	}
	if s.Name != "" {
		u.Name = s.Name
	}
	if s.Email != "" {
		u.Email = s.Email
	}
	m := maps.Clone(u.Metadata)
	for k, v := range s.Metadata {
		if m == nil {
			m = make(enduser.Metadata)
		}
		if m[k] = v; v.IsNull() {
			delete(m, k)
		}
	}
	u.Metadata = m
	u.Accounts, u.Groups = slices.Clone(u.Accounts), slices.Clone(u.Groups)
	for _, a := range s.Accounts {
		if !slices.Contains(u.Accounts, a) {
			u.Accounts = append(u.Accounts, a)
		}
	}
	for _, g := range s.Groups {
		if !slices.Contains(u.Groups, g) {
			u.Groups = append(u.Groups, g)
		}
	}
}

// others returns the conflicts of a spec with users beside the one that it identifies.
func (m *model) others(s enduser.Spec, policy enduser.Policy, u *modelUser) (conflicts []enduser.ConflictError) {
	for _, other := range m.alive() {
		if other == u {
			continue
		}
		if slices.ContainsFunc(s.Accounts, func(a enduser.Account) bool { return slices.Contains(other.Accounts, a) }) {
			conflicts = append(conflicts, enduser.ConflictError{Kind: "user", Field: "linked_accounts", HolderID: other.ID})
		}
		email := key(strings.TrimSpace(s.Email))
		if policy.UniqueEmail && email != "" && email == key(other.Email) && email != key(u.Email) {
			conflicts = append(conflicts, enduser.ConflictError{Kind: "user", Field: "email", HolderID: other.ID})
		}
	}
	return conflicts
}

// keep changes a user, and makes it permanent if the spec does not say until when it is.
func (m *model) keep(u *modelUser, actor string, policy enduser.Policy, s enduser.Spec, fn func(*enduser.User)) (bool, []enduser.ConflictError) {
	kind := enduser.ChangeUpdated
	if s.ExpiresIn == 0 && !u.ExpiresAt.IsZero() {
		kind = enduser.ChangeAssociated
	}
	return m.write(u, actor, kind, policy, func(u *enduser.User) {
		fn(u)
		if s.ExpiresIn == 0 {
			u.ExpiresAt = time.Time{}
		}
	})
}

// write changes a user. It reports whether anything changed.
func (m *model) write(old *modelUser, actor string, kind enduser.ChangeType, policy enduser.Policy, fn func(*enduser.User)) (bool, []enduser.ConflictError) {
	u := &modelUser{User: old.Clone(), claimed: old.claimed, seen: old.seen}
	fn(&u.User)
	u.Email = strings.TrimSpace(u.Email)
	fields := differ(old.User, u.User)
	if len(fields) == 0 {
		return false, nil
	}
	claims := u.Email != "" && key(u.Email) != key(old.Email) && policy.UniqueEmail
	u.claimed = u.Email != "" && (claims || old.claimed)
	conflicts, expired := m.conflicts(u, claims)
	if len(conflicts) > 0 {
		return false, conflicts
	}
	for _, e := range expired {
		m.end(e, enduser.ChangeExpired, actor)
	}
	m.change(kind, u.ID, actor, fields)
	u.Version, u.Revision, u.UpdatedBy = enduser.Version{}, m.revision, actor
	if u.UpdatedAt.Before(m.now) {
		u.UpdatedAt = m.now
	}
	*old = *u
	return true, nil
}

// differ names the fields that the random runs change.
func differ(a, b enduser.User) []string {
	var fields []string
	add := func(name string, differs bool) {
		if differs {
			fields = append(fields, name)
		}
	}
	add("external_id", a.ExternalID != b.ExternalID)
	add("name", a.Name != b.Name)
	add("email", a.Email != b.Email)
	keys := slices.Concat(slices.Collect(maps.Keys(a.Metadata)), slices.Collect(maps.Keys(b.Metadata)))
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		before, had := a.Metadata[k]
		after, has := b.Metadata[k]
		add("metadata."+k, had != has || before != after)
	}
	add("linked_accounts", !slices.Equal(a.Accounts, b.Accounts))
	add("groups", !slices.Equal(a.Groups, b.Groups))
	add("expires_at", !a.ExpiresAt.Equal(b.ExpiresAt))
	return fields
}

// selects judges a user by a filter.
func selects(f enduser.Filter, u *modelUser) bool {
	words := strings.Fields(key(u.Name))
	for _, word := range strings.Fields(key(f.Name)) {
		if !slices.Contains(words, word) {
			return false
		}
	}
	for k, v := range f.Metadata {
		if have, ok := u.Metadata[k]; !ok || have.String() != v.String() {
			return false
		}
	}
	return (f.ExternalID == "" || u.ExternalID != "" && key(u.ExternalID) == key(f.ExternalID)) &&
		(f.Email == "" || u.Email != "" && key(u.Email) == key(strings.TrimSpace(f.Email))) &&
		(f.Account == (enduser.Account{}) || slices.Contains(u.Accounts, f.Account)) &&
		(f.Group == "" || slices.Contains(u.Groups, f.Group))
}

// names returns the users that a reference names.
func (m *model) names(by string, p probe) []*modelUser {
	return find(m.alive(), func(u *modelUser) bool {
		switch by {
		case "ID":
			return u.ID == p.id
		case "external ID":
			return u.ExternalID != "" && key(u.ExternalID) == key(p.externalID)
		case "e-mail":
			return u.Email != "" && key(u.Email) == key(p.email)
		default:
			return slices.Contains(u.Accounts, p.account)
		}
	})
}
