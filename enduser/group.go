package enduser

import (
	"log/slog"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/rollbook-go/rollbook/store"
)

// Group is a group of a tenant's end users: a team, a workspace, a customer of the tenant.
// Users belong to it if they have its ExternalID among their Groups. They may name it before
// it exists, and go on naming it when it is deleted. A group has a token, by which a program
// that serves its users proves which group it serves; see [Groups.Authenticate].
type Group struct {
	// ID is the group's own ID, made by the Manager.
	ID string

	// ExternalID is the ID by which the tenant's own systems know the group, in the
	// spelling that was given. It is unique in the tenant's environment, has at most 255
	// characters, and never changes. It is compared exactly, after Unicode normalization
	// to NFC: customers whose IDs differ in case must not share a token.
	ExternalID string

	// Number is a small number for programs that want one as an ID: from 1 to 2^31-1,
	// drawn at random, unique in the tenant's environment. It never changes.
	Number int64

	Tenant      string
	Environment Environment

	Name string

	// Metadata is the tenant's own data about the group. SystemProperties is data of the
	// software around it, which the tenant reads and does not write.
	Metadata         Metadata
	SystemProperties Metadata

	CreatedBy, UpdatedBy string    // the actors; see [Tenant.As]
	CreatedAt, UpdatedAt time.Time // UTC, whole milliseconds
	AddedAt              time.Time // when the registry first had the group: the order of lists

	// Version identifies this state of the group: every write makes another one. Revision
	// grows with every write, unless the store goes back in time.
	Version  Version
	Revision int64

	token    groupToken
	previous []groupToken // rotated out, and still accepted
}

// groupToken is a token as it is stored.
type groupToken struct {
	hash   string    // SHA-256, hexadecimal
	sealed []byte    // of the current one
	until  time.Time // of a previous one: its deadline
}

// SameGroupID reports whether two spellings are the same external ID of a group: the
// same text after Unicode normalization to NFC. Case matters.
func SameGroupID(a, b string) bool { return norm.NFC.String(a) == norm.NFC.String(b) }

// GroupSpec describes a new group.
type GroupSpec struct {
	ExternalID string // required
	Name       string

	Metadata         Metadata
	SystemProperties Metadata
}

// LogValue implements [slog.LogValuer].
func (g Group) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", g.ID), slog.String("tenant", g.Tenant), slog.Int64("revision", g.Revision),
	)
}

// String returns "group" and the ID, and nothing else of the group.
func (g Group) String() string { return "group " + g.ID }

// Equal reports whether two groups are the same in all exported fields.
func (g Group) Equal(h Group) bool {
	h.token = g.token
	return g.ID == h.ID && g.Tenant == h.Tenant && g.Environment == h.Environment && g.ExternalID == h.ExternalID &&
		g.Number == h.Number && g.CreatedBy == h.CreatedBy && g.UpdatedBy == h.UpdatedBy &&
		g.CreatedAt.Equal(h.CreatedAt) && g.UpdatedAt.Equal(h.UpdatedAt) && g.AddedAt.Equal(h.AddedAt) &&
		g.Version == h.Version && g.Revision == h.Revision && len(changedGroupFields(&g, &h)) == 0
}

// Clone returns a copy that shares nothing with g.
func (g Group) Clone() Group {
	g.Metadata = maps.Clone(g.Metadata)
	g.SystemProperties = maps.Clone(g.SystemProperties)
	g.previous = slices.Clone(g.previous)
	return g
}

// editable returns a copy whose maps can be written.
func (g Group) editable() Group {
	g = g.Clone()
	if g.Metadata == nil {
		g.Metadata = make(Metadata)
	}
	if g.SystemProperties == nil {
		g.SystemProperties = make(Metadata)
	}
	return g
}

// GroupRef names a group. [GroupByID], [GroupByExternalID] and [GroupByToken] make
// it.
type GroupRef struct {
	by    groupRefKind
	value string
}

type groupRefKind uint8

const (
	groupByNothing groupRefKind = iota
	groupByID
	groupByExternalID
	groupByToken
)

// GroupByID names the group with that ID.
func GroupByID(id string) GroupRef { return GroupRef{groupByID, id} }

// GroupByExternalID names the group with that external ID; see [SameGroupID].
func GroupByExternalID(id string) GroupRef { return GroupRef{groupByExternalID, id} }

// GroupByToken names the group with that current token. A token that was rotated out names
// none, even while it is still accepted. The reference only has the token's hash, and so
// cannot show the token.
func GroupByToken(token string) GroupRef {
	if token == "" {
		return GroupRef{groupByToken, ""}
	}
	return GroupRef{groupByToken, hashToken(token)}
}

// String returns the kind of the reference, and nothing of the group.
func (r GroupRef) String() string {
	switch r.by {
	case groupByID:
		return "id"
	case groupByExternalID:
		return "external_id"
	case groupByToken:
		return "token"
	case groupByNothing:
	}
	return "ref"
}

// GoString implements fmt.GoStringer; see String.
func (r GroupRef) GoString() string { return "enduser.GroupRef(" + r.String() + ")" }

// LogValue implements [slog.LogValuer]; see String.
func (r GroupRef) LogValue() slog.Value { return slog.StringValue(r.String()) }

// key returns the unique key by which the store finds the group.
func (r GroupRef) key() (store.Key, error) {
	var v violations
	field := Field{Name: r.String()}
	switch code := textFault(r.value); {
	case r.by == groupByNothing:
		v.add(field, CodeRequired, "must name a group")
	case r.value == "":
		v.add(field, CodeRequired, "must not be empty")
	case len(r.value) > maxBytesPerCharacter*maxGroupID || (r.by == groupByID && len(r.value) > maxIDBytes):
		v.add(field, CodeLength, "is too long")
	case code != "":
		v.add(field, code, textMessage(code))
	case r.by == groupByExternalID && len(groupIDKey(r.value).Value) > utf8.UTFMax*maxGroupID:
		v.add(field, CodeLength, "is too long")
	}
	if err := v.err(); err != nil {
		return store.Key{}, err
	}
	switch r.by {
	case groupByExternalID:
		return groupIDKey(r.value), nil
	case groupByToken:
		return tokenKey(r.value), nil
	default:
		return store.ID(r.value), nil
	}
}

// names reports whether the reference names a group that its key found.
func (r GroupRef) names(g *Group) bool {
	return r.by != groupByToken || sameHash(g.token.hash, r.value)
}

const maxGroupID = 255 // characters

// makeGroup returns the group of a spec, without number and token.
func (w *writer) makeGroup(s GroupSpec) (Group, error) {
	g := Group{
		ID: w.m.newID(), Tenant: w.Tenant.name, Environment: w.env,
		ExternalID: s.ExternalID, Name: s.Name,
		Metadata: Metadata(nil).merge(s.Metadata), SystemProperties: Metadata(nil).merge(s.SystemProperties),
		CreatedBy: w.actor, UpdatedBy: w.actor, CreatedAt: w.now, UpdatedAt: w.now, AddedAt: w.now,
	}
	g.normalize()
	return g, w.policy.validateGroup(&Group{}, &g)
}

func (g *Group) normalize() {
	for _, m := range []*Metadata{&g.Metadata, &g.SystemProperties} {
		if m.hasNull() { // the map may be the caller's
			*m = Metadata(nil).merge(*m)
		}
		if len(*m) == 0 {
			*m = nil
		}
	}
}

// validateGroup validates the fields of g that differ from old.
func (p *Policy) validateGroup(old, g *Group) error {
	var v violations
	externalID := Field{Name: "external_id"}
	if g.ExternalID == "" {
		v.add(externalID, CodeRequired, "must not be empty")
	} else if g.ExternalID != old.ExternalID {
		p.checkGroupID(&v, externalID, g.ExternalID)
	}
	if g.Name != old.Name {
		p.checkName(&v, Field{Name: "name"}, g.Name)
	}
	p.checkMetadata(&v, "metadata", old.Metadata, g.Metadata)
	p.checkMetadata(&v, "system_properties", old.SystemProperties, g.SystemProperties)
	return v.err()
}

// checkGroupReadOnly rejects changes of the fields that only the Manager sets.
func checkGroupReadOnly(old, g *Group) error {
	var v violations
	for _, f := range []struct {
		field   string
		changed bool
	}{
		{"id", old.ID != g.ID},
		{"external_id", old.ExternalID != g.ExternalID},
		{"number", old.Number != g.Number},
		{"tenant_id", old.Tenant != g.Tenant},
		{"environment", old.Environment != g.Environment},
		{"created_by", old.CreatedBy != g.CreatedBy},
		{"updated_by", old.UpdatedBy != g.UpdatedBy},
		{"created_at", !old.CreatedAt.Equal(g.CreatedAt)},
		{"updated_at", !old.UpdatedAt.Equal(g.UpdatedAt)},
		{"added_at", !old.AddedAt.Equal(g.AddedAt)},
		{"version", old.Version != g.Version},
		{"revision", old.Revision != g.Revision},
	} {
		if f.changed {
			v.add(Field{Name: f.field}, CodeReadOnly, "must not be changed")
		}
	}
	return v.err()
}

// changedGroupFields returns the names of the fields in which two states of a group differ.
func changedGroupFields(old, g *Group) []string {
	var fields []string
	if old.Name != g.Name {
		fields = append(fields, "name")
	}
	fields = append(fields, changedKeys("metadata", old.Metadata, g.Metadata)...)
	fields = append(fields, changedKeys("system_properties", old.SystemProperties, g.SystemProperties)...)
	if old.token.hash != g.token.hash {
		fields = append(fields, "token")
	}
	return fields
}
