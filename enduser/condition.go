package enduser

import "slices"

// Condition must hold of a user or group at the moment of the write for a call to change
// it. If others change it meanwhile the condition is asked again. The zero Condition
// always holds.
//
// [IfVersion], [IfNotVersion], [IfExists] and [IfAbsent] are the preconditions of HTTP
// (RFC 9110 sections 13.1.1 and 13.1.2). Where one does not hold the call fails with
// ErrVersion and nothing is written; but a call that needs a user that is there fails
// with ErrNotFound first, and one that needs something free with ErrConflict.
// [IfUser] and [IfGroup] ask a function.
type Condition struct {
	kind     conditionKind
	versions []Version
	user     func(User) error
	group    func(Group) error
}

type conditionKind uint8

const (
	ifAnything conditionKind = iota
	ifVersion
	ifNotVersion
	ifExists
	ifAbsent
	ifUser
	ifGroup
)

// IfVersion returns the condition that something is there, and at one of these versions
// (If-Match with entity tags). What cannot be read is at none.
func IfVersion(versions ...Version) Condition {
	return Condition{kind: ifVersion, versions: slices.Clone(versions)}
}

// IfNotVersion returns the condition that what is there is at none of these versions
// (If-None-Match with entity tags). It holds where nothing is there, or cannot be read.
func IfNotVersion(versions ...Version) Condition {
	return Condition{kind: ifNotVersion, versions: slices.Clone(versions)}
}

// IfExists returns the condition that something is there, whether it can be read or not
// (If-Match: *): a call that could make it must not.
func IfExists() Condition { return Condition{kind: ifExists} }

// IfAbsent returns the condition that nothing is there (If-None-Match: *): the call has
// to make it, and one that changes or deletes what is there fails.
func IfAbsent() Condition { return Condition{kind: ifAbsent} }

// IfUser returns the condition that fn returns nil for the user that is there, which fn
// must not change; it holds where there is none. The call fails with fn's error. For a
// group it is ErrInvalid.
func IfUser(fn func(User) error) Condition { return Condition{kind: ifUser, user: fn} }

// IfGroup is [IfUser] for groups.
func IfGroup(fn func(Group) error) Condition { return Condition{kind: ifGroup, group: fn} }

// conditions hold all together, and are asked in their order.
type conditions []Condition

func (cs conditions) ofUser(u *User) error {
	for _, c := range cs {
		err := c.at(u.Version)
		if c.kind == ifUser {
			err = c.user(u.Clone())
		}
		if c.kind == ifGroup {
			err = wrongCondition()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (cs conditions) ofGroup(g *Group) error {
	for _, c := range cs {
		err := c.at(g.Version)
		if c.kind == ifGroup {
			err = c.group(g.Clone())
		}
		if c.kind == ifUser {
			err = wrongCondition()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ofUnreadable asks the conditions about what cannot be read, as err says: it is at no
// version, and cannot be shown.
func (cs conditions) ofUnreadable(err error) error {
	for _, c := range cs {
		if err := c.at(Version{}); err != nil {
			return err
		}
		if c.kind == ifUser || c.kind == ifGroup {
			return err
		}
	}
	return nil
}

// ofNothing asks the conditions about a user or group that is not there.
func (cs conditions) ofNothing() error {
	for _, c := range cs {
		if c.kind == ifVersion || c.kind == ifExists {
			return ErrVersion
		}
	}
	return nil
}

// at asks a condition on versions about something that is there.
func (c Condition) at(v Version) error {
	named := !v.IsZero() && slices.Contains(c.versions, v)
	if c.kind == ifAbsent || c.kind == ifVersion && !named || c.kind == ifNotVersion && named {
		return ErrVersion
	}
	return nil
}

func wrongCondition() error {
	return invalidField(Field{Name: "condition"}, CodeValue, "must be IfUser for users, and IfGroup for groups")
}
