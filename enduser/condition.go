package enduser

import "slices"

// Condition is a precondition of a write on a user, group or webhook. It must hold at the
// moment of the write: if others change the user meanwhile it is checked again. The zero
// Condition always holds.
//
// [IfVersion], [IfNotVersion], [IfExists] and [IfAbsent] are the preconditions of HTTP
// (RFC 9110 sections 13.1.1 and 13.1.2). If one fails the call returns ErrVersion and
// nothing is written. But a call that needs an existing user returns ErrNotFound first, and
// one that needs a free ID or address returns ErrConflict first. [IfUser] and [IfGroup] call
// a function.
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

// IfVersion returns the condition that the user, group or webhook exists and is at one of these
// versions (If-Match with entity tags). An unreadable one is at none.
func IfVersion(versions ...Version) Condition {
	return Condition{kind: ifVersion, versions: slices.Clone(versions)}
}

// IfNotVersion returns the condition that the user, group or webhook is at none of these versions
// (If-None-Match with entity tags). It holds if it does not exist, or is unreadable.
func IfNotVersion(versions ...Version) Condition {
	return Condition{kind: ifNotVersion, versions: slices.Clone(versions)}
}

// IfExists returns the condition that the user, group or webhook exists, readable or not
// (If-Match: *): a call that could make it does not.
func IfExists() Condition { return Condition{kind: ifExists} }

// IfAbsent returns the condition that the user, group or webhook does not exist
// (If-None-Match: *): the call must make it, and a call that changes or deletes fails.
func IfAbsent() Condition { return Condition{kind: ifAbsent} }

// IfUser returns the condition that fn returns nil for the user. If it fails, the call
// returns fn's error. It holds if there is no user. If the user is unreadable, the call
// returns the [UnreadableError]. A call on groups returns ErrInvalid.
func IfUser(fn func(User) error) Condition { return Condition{kind: ifUser, user: fn} }

// IfGroup is [IfUser] for groups.
func IfGroup(fn func(Group) error) Condition { return Condition{kind: ifGroup, group: fn} }

// conditions must all hold. They are checked in their order.
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

func (cs conditions) ofWebhook(w *Webhook) error {
	for _, c := range cs {
		err := c.at(w.Version)
		if c.kind == ifUser || c.kind == ifGroup {
			err = wrongCondition()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ofUnreadable checks the conditions for something that is unreadable, as err says: it is at
// no version, and no function can be called with it.
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

// ofNothing checks the conditions for a user or group that does not exist; those of the kind
// wrong are for the other of the two.
func (cs conditions) ofNothing(wrong conditionKind) error {
	for _, c := range cs {
		if c.kind == ifVersion || c.kind == ifExists {
			return ErrVersion
		}
		if c.kind == wrong {
			return wrongCondition()
		}
	}
	return nil
}

// at checks a condition on versions for something that exists.
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
