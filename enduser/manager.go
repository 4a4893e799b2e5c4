package enduser

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
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
	kinds  []kind  // see kinds
	queues *queues // nil inside a transaction, where nobody else writes
	strays *strays

	running *running // the calls with an idempotency key

	keyring Keyring // nil: none

	retention Retention
	observer  Observer

	insecureWebhooks bool
}

// Options are the settings of a Manager. The zero value is ready to use.
type Options struct {
	// Policy returns the policy that the host fixes for a tenant. If it returns false
	// the policy of each handle holds, see [Tenant.With]. Nil fixes none for any tenant.
	// Every call of a handle calls it: it must be fast and safe for concurrent use.
	Policy func(tenant string) (Policy, bool)

	// Schema returns the schema of a tenant. Nil means the zero Schema for every tenant.
	// Every call of a handle calls it, like Policy. It should be the same in all processes
	// on one store.
	Schema func(tenant string) Schema

	// Keyring seals secrets: the tokens of groups, and sensitive values. Nil means no
	// keyring: calls that need one fail with ErrNoKeyring. (A nil pointer in the
	// interface is not nil.)
	Keyring Keyring

	// Logger gets what the sweeper did and what it could not do. Nil means no log.
	Logger *slog.Logger

	// Observer gets reports of sweeps and deliveries. Nil means none.
	Observer *Observer

	// SweepEvery is the pause between two sweeps of [Manager.Run]. Zero means 30 s.
	SweepEvery time.Duration

	// Retain says how much of the change feeds is kept. The zero value keeps all of them for
	// ever. Each tenant is looked at about once an hour by a sweep of one of the processes;
	// the changes that go are those before the limit, give or take four minutes. A
	// tenant's newest change always stays. Readers that are further back get ErrTrimmed. It
	// should be the same in all processes on one store.
	Retain Retention

	// InsecureWebhooks accepts webhooks with an http URL: anyone between the two servers can
	// read and change what is sent. It is for development.
	InsecureWebhooks bool

	// Now is the clock. Nil means time.Now.
	Now func() time.Time

	// NewID returns the ID of a new user, group or webhook: at most 36 letters, digits, "-" and "_".
	// It must be safe for concurrent use: a bulk call makes many users at once.
	// No process may have returned it before, in any case, and it must be nobody's external
	// ID. Nil means 24 lower-case hexadecimal digits: 6 bytes of milliseconds and 6 random
	// ones.
	NewID func() string
}

// New returns a Manager on a store. The caller closes the store. Nil options mean the zero
// Options. New panics if the store is nil.
func New(s store.Store, opts *Options) *Manager {
	if s == nil {
		panic("enduser.New: the store is nil") //nolint:forbidigo // a mistake of the program, seen at its start
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	m := &Manager{
		store: s, now: o.Now, newID: o.NewID, policy: o.Policy, schema: o.Schema, log: o.Logger, every: o.SweepEvery,
		kinds: kinds(), queues: newQueues(), strays: new(strays), running: new(running), keyring: o.Keyring, retention: o.Retain,
		insecureWebhooks: o.InsecureWebhooks,
	}
	if o.Observer != nil {
		m.observer = *o.Observer
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
	return m
}

// On returns a Manager with the same options on another store, above all on one inside a
// transaction of the host, so that users and the host's own tables change together:
//
//	tx, err := db.BeginTx(ctx, nil)
//	acme := users.On(st.In(tx)).Tenant("acme")
//
// It is cheap enough for each transaction, and of no use after it. Everything that it writes
// is done when the host commits, and nothing of it after a rollback; a [Version] or [Position]
// from a transaction that was rolled back is that of a lost history. After ErrAborted only a
// rollback is left. Run, Sweep and the calls that wait return ErrInTransaction.
func (m *Manager) On(s store.Store) *Manager {
	if s == nil {
		panic("enduser.Manager.On: the store is nil") //nolint:forbidigo // a mistake of the program
	}
	on := *m
	on.store = s
	switch {
	case store.InTransaction(s):
		on.queues = nil
	case m.queues == nil:
		on.queues, on.strays = newQueues(), new(strays)
	default:
		on.strays = new(strays)
	}
	return &on
}

// Tenant returns the handle on a tenant's users in the Customer environment. It costs
// nothing: a tenant needs no registration. The name must be 1 to 255 bytes of valid UTF-8
// without control characters, else the handle's calls return ErrInvalid.
func (m *Manager) Tenant(name string) Tenant {
	return Tenant{m: m, name: name, env: Customer}
}

// Now returns the time by the Manager's clock, in whole milliseconds and UTC.
func (m *Manager) Now() time.Time { return m.millis() }

// HasKeyring reports whether the Manager can seal secrets.
func (m *Manager) HasKeyring() bool { return m.keyring != nil }

// storeTenant returns the handle for a tenant's name in the store.
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

// millis returns the time in the precision in which it is stored.
func (m *Manager) millis() time.Time { return wholeMillis(m.now()) }

// lastSecond is the end of the year 9999, the last one that fits a text of a time.
const lastSecond = 253402300799

// inRange reports whether a time lies between the years 1970 and 9999.
func inRange(t time.Time) bool { return t.Unix() >= 0 && t.Unix() <= lastSecond }

// wholeMillis returns a time in the precision in which it is stored. It leaves one out of
// range as it is: in milliseconds it might be another.
func wholeMillis(t time.Time) time.Time {
	if t.IsZero() || t.Unix() > lastSecond || t.Unix() < -lastSecond {
		return t
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}
