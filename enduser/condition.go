package enduser

// Condition must hold of a user or group at the moment of the write for a call to change
// it. If others change it meanwhile the condition is asked again.
// [IfVersion], [IfUser] and [IfGroup] make one; the zero Condition always holds.
type Condition struct {
	versions []Version
	user     func(User) error
	group    func(Group) error
}

// IfVersion returns the condition that the user or group is at one of these versions.
// If not, the call fails with ErrVersion. What cannot be read is at none.
func IfVersion(versions ...Version) Condition {
	if versions == nil {
		versions = []Version{}
	}
	return Condition{versions: versions}
}

// IfUser returns the condition that fn returns nil for the user, which fn must not
// change. The call fails with fn's error. For a group it is ErrInvalid.
func IfUser(fn func(User) error) Condition { return Condition{user: fn} }

// IfGroup is [IfUser] for groups.
func IfGroup(fn func(Group) error) Condition { return Condition{group: fn} }

// conditions hold all together, and are asked in their order.
type conditions []Condition

func (cs conditions) ofUser(u *User) error {
	for _, c := range cs {
		if err := c.atVersion(u.Version); err != nil {
			return err
		}
		if c.group != nil {
			return wrongCondition()
		}
		if c.user != nil {
			if err := c.user(u.Clone()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (cs conditions) ofGroup(g *Group) error {
	for _, c := range cs {
		if err := c.atVersion(g.Version); err != nil {
			return err
		}
		if c.user != nil {
			return wrongCondition()
		}
		if c.group != nil {
			if err := c.group(g.Clone()); err != nil {
				return err
			}
		}
	}
	return nil
}

func wrongCondition() error {
	return invalidField(Field{Name: "condition"}, CodeValue, "must be IfVersion, IfUser for users, or IfGroup for groups")
}

func (c Condition) atVersion(v Version) error {
	if c.versions == nil {
		return nil
	}
	for _, want := range c.versions {
		if want == v && !v.IsZero() {
			return nil
		}
	}
	return ErrVersion
}
