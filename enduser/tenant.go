package enduser

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// Tenant is a handle on the users of one environment of one tenant. It cannot see or touch
// another's. It is a small value, safe for concurrent use. [Manager.Tenant] makes it, and
// its methods In, As and With derive others from it.
type Tenant struct {
	m      *Manager
	name   string
	env    Environment
	actor  string
	policy Policy

	pinned, exact bool // if pinned, exact says how external IDs are compared, not the schema
}

// In returns the handle on another environment of the tenant.
func (t Tenant) In(env Environment) Tenant {
	if env == "" {
		env = Customer
	}
	t.env = env
	return t
}

// As returns a handle whose writes are stamped with an actor: the person or program of the
// tenant that writes. An actor has at most 256 bytes of text.
func (t Tenant) As(actor string) Tenant {
	t.actor = actor
	return t
}

// With returns a handle whose writes obey a policy. It has no effect if the host has fixed
// one for the tenant in [Options].Policy.
func (t Tenant) With(p Policy) Tenant {
	t.policy = p
	return t
}

// String returns the tenant's name and environment.
func (t Tenant) String() string { return t.name + "/" + string(t.env) }

// LogValue implements [slog.LogValuer]; see String.
func (t Tenant) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Name returns the tenant's name.
func (t Tenant) Name() string { return t.name }

// Environment returns the environment of the handle.
func (t Tenant) Environment() Environment { return t.env }

// SameExternalID reports whether two spellings are the same external ID of a user of
// the tenant; see [Schema].ExactIDs.
func (t Tenant) SameExternalID(a, b string) bool { return t.externalIDKey(a) == t.externalIDKey(b) }

// Limits, in bytes.
const (
	maxTenantName = 255
	maxActor      = 256
)

// ExactIDs reports whether the handle compares external IDs exactly; see [Schema].ExactIDs.
func (t Tenant) ExactIDs() bool { return t.comparesExactly() }

// Schema returns the schema that the host gives the tenant, with its metadata keys sorted: by
// what its users can be found. It is a copy.
func (t Tenant) Schema() Schema {
	if t.m == nil {
		return Schema{}
	}
	s := t.m.schema(t.name)
	s.IndexedMetadata = slices.Clone(s.IndexedMetadata)
	return s.withDefaults()
}

// Policy returns the policy that writes through the handle obey, with its defaults: that of
// [Tenant.With], or the one that the host has fixed for the tenant. It is a copy.
func (t Tenant) Policy() Policy {
	p := t.policy
	if t.m != nil {
		if fixed, ok := t.m.policy(t.name); ok {
			p = fixed
		}
	}
	p.AccountTypes = slices.Clone(p.AccountTypes)
	return p.withDefaults()
}

// WithExactIDs returns the handle on what was written under a value of [Schema].ExactIDs,
// whatever the schema of the tenant says now.
func (t Tenant) WithExactIDs(exact bool) Tenant { return t.pin(exact) }

// call is what stays the same during a call of a handle.
type call struct {
	name   string // the tenant's name in the store
	policy Policy
	schema Schema
	exact  bool // external IDs are compared exactly
}

// begin validates the handle. Every method begins with it.
func (t Tenant) begin() (call, error) {
	var v violations
	if t.m == nil || t.name == "" || len(t.name) > maxTenantName || textFault(t.name) != "" {
		v.add(Field{Name: "tenant"}, CodeValue, "must be 1 to 255 bytes of text")
	}
	if t.env != Customer && t.env != Testing {
		v.add(Field{Name: "environment"}, CodeValue, "must be Customer or Testing")
	}
	if len(t.actor) > maxActor || textFault(t.actor) != "" {
		v.add(Field{Name: "actor"}, CodeValue, "must be at most 256 bytes of text")
	}
	if err := v.err(); err != nil {
		return call{}, err
	}
	policy, fixed := t.m.policy(t.name)
	if !fixed {
		policy = t.policy
	}
	c := call{policy: policy.withDefaults(), schema: t.m.schema(t.name).withDefaults(), exact: t.exact}
	if !t.pinned {
		c.exact = c.schema.ExactIDs
	}
	c.name = storeTenant(t.name, t.env, c.exact)
	return c, nil
}

// pin returns a handle that compares external IDs in one way, whatever the schema says.
func (t Tenant) pin(exact bool) Tenant {
	t.pinned, t.exact = true, exact
	return t
}

// comparesExactly reports whether external IDs are compared exactly.
func (t Tenant) comparesExactly() bool {
	if t.pinned || t.m == nil {
		return t.exact
	}
	return t.m.schema(t.name).ExactIDs
}

// externalIDKey returns the unique key of an external ID.
func (t Tenant) externalIDKey(id string) store.Key { return externalIDKey(id, t.comparesExactly()) }

// The prefixes of the names under which the store knows tenants; see storeTenant.
const (
	testingPrefix      = "t/"
	exactPrefix        = "e/"
	exactTestingPrefix = "et/"
	customerPrefix     = "c/" // for names that begin like one of the others
)

// storeTenant returns the name under which the store knows an environment of a
// tenant. No two have the same. How external IDs are compared is part of it: a program
// that disagrees about that sees another, empty tenant, and never makes a second holder of
// an ID.
func storeTenant(tenant string, env Environment, exact bool) string {
	switch {
	case env == Testing && exact:
		return exactTestingPrefix + tenant
	case env == Testing:
		return testingPrefix + tenant
	case exact:
		return exactPrefix + tenant
	}
	for _, prefix := range [...]string{testingPrefix, exactPrefix, exactTestingPrefix, customerPrefix} {
		if strings.HasPrefix(tenant, prefix) {
			return customerPrefix + tenant
		}
	}
	return tenant
}

// ownTenant is the name in the store of the tenant with the Manager's own records, which
// belong to no tenant. No tenant has it: storeTenant puts customerPrefix only before names that
// begin with a prefix.
const ownTenant = customerPrefix + "ready"

// parseStoreTenant is the inverse of storeTenant.
func parseStoreTenant(name string) (tenant string, env Environment, exact bool) {
	for _, p := range [...]struct {
		prefix string
		env    Environment
		exact  bool
	}{
		{testingPrefix, Testing, false},
		{exactPrefix, Customer, true},
		{exactTestingPrefix, Testing, true},
		{customerPrefix, Customer, false},
	} {
		if rest, found := strings.CutPrefix(name, p.prefix); found {
			return rest, p.env, p.exact
		}
	}
	return name, Customer, false
}
