package enduser

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"hash/maphash"
	"log/slog"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Manager keeps the end users of many tenants in a store. It is safe for
// concurrent use, and so are several Managers on one store, in one process or in
// many.
type Manager struct {
	store  store.Store
	now    func() time.Time
	newID  func() string
	policy func(tenant string) (Policy, bool)
	schema func(tenant string) Schema
	log    *slog.Logger
	every  time.Duration
	kinds  []kind // see kinds
	queues queues
	strays strays

	foreignIDs bool // the host makes the IDs

	keyring Keyring // nil: none
}

// Options are the settings of a Manager. The zero value is good.
type Options struct {
	// Policy returns the policy that the host sets for a tenant for good; false:
	// none, and the policy of each handle holds, see [Tenant.With]. Nil: none for
	// any tenant. It is called for every call of a handle and has to be fast and
	// safe for concurrent use.
	Policy func(tenant string) (Policy, bool)

	// Schema returns by what the users of a tenant can be found. Nil: the zero Schema
	// for every tenant. It is called for every call of a handle, as Policy is, and
	// should be the same in all processes on one store.
	Schema func(tenant string) Schema

	// Keyring seals secrets: the tokens of groups, and sensitive values. Nil means no
	// keyring: calls that need one fail with ErrNoKeyring. (A nil pointer in the
	// interface is not nil.)
	Keyring Keyring

	// Logger is told what the sweeper does and what it could not do. Nil: nobody.
	Logger *slog.Logger

	// SweepEvery is the pause between two sweeps of [Manager.Run]. Zero: 30 s.
	SweepEvery time.Duration

	// Now is the clock. Nil: time.Now.
	Now func() time.Time

	// NewID returns the ID of a new user or group: at most 36 letters, digits, "-" and "_"
	// that were never returned before, in any case, by any process, and that are nobody's
	// external ID. Nil: 24 lower-case hexadecimal digits, 6 bytes of milliseconds and 6
	// random ones.
	NewID func() string
}

// New returns a Manager on a store. The store stays the caller's to close. Nil
// options mean the zero Options. It panics if there is no store, which is a mistake
// of the program.
func New(s store.Store, opts *Options) *Manager {
	if s == nil {
		panic("enduser.New: the store is nil") //nolint:forbidigo // a mistake of the program, seen at its start
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	m := &Manager{
		store: s, now: o.Now, newID: o.NewID, foreignIDs: o.NewID != nil, policy: o.Policy, schema: o.Schema, log: o.Logger, every: o.SweepEvery,
		kinds: kinds(), queues: queues{seed: maphash.MakeSeed()}, keyring: o.Keyring,
	}
	if m.now == nil {
		m.now = time.Now //nolint:forbidigo // the one place that reads the clock
	}
	if m.newID == nil {
		m.newID = func() string { return newID(m.now()) }
	}
	if m.policy == nil {
		m.policy = func(string) (Policy, bool) { return Policy{}, false }
	}
	if m.schema == nil {
		m.schema = func(string) Schema { return Schema{} }
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.every <= 0 {
		m.every = 30 * time.Second
	}
	for i := range m.queues.lanes {
		m.queues.lanes[i] = make(chan struct{}, 1)
	}
	return m
}

// Tenant returns the handle through which a tenant's users are reached. It costs
// nothing and always works: a tenant needs no registration. A name that is not 1
// to 255 bytes of valid UTF-8 without control characters makes the handle's calls
// fail with ErrInvalid.
func (m *Manager) Tenant(name string) Tenant {
	return Tenant{m: m, name: name, env: Customer}
}

// Now returns the time by the Manager's clock, in whole milliseconds and UTC.
func (m *Manager) Now() time.Time { return m.millis() }

// HasKeyring reports whether the Manager can seal secrets.
func (m *Manager) HasKeyring() bool { return m.keyring != nil }

// storeTenant returns the handle on what the store knows under a name.
func (m *Manager) storeTenant(name string) Tenant {
	tenant, env, exact := parseStoreTenant(name)
	return m.Tenant(tenant).In(env).pin(exact)
}

// newID returns an ID of 24 hexadecimal digits that sorts by time.
func newID(now time.Time) string {
	var b [12]byte
	binary.BigEndian.PutUint64(b[:8], uint64(max(now.UnixMilli(), 0))<<16)
	_, _ = rand.Read(b[6:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

// millis returns the time in the precision in which it is kept.
func (m *Manager) millis() time.Time { return wholeMillis(m.now()) }

// lastSecond is the end of the year 9999, which is the last that texts of times can have.
const lastSecond = 253402300799

// inRange reports whether a time lies between the years 1970 and 9999.
func inRange(t time.Time) bool { return t.Unix() >= 0 && t.Unix() <= lastSecond }

// wholeMillis returns a time in the precision in which it is kept, one out of range as it
// is: in milliseconds it might be another.
func wholeMillis(t time.Time) time.Time {
	if t.IsZero() || t.Unix() > lastSecond || t.Unix() < -lastSecond {
		return t
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}
