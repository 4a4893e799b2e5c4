package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

var _ interface {
	store.Store
	store.Scrubber
	store.Counter
	store.Confirmer
} = (*Store)(nil)

// Options are the settings of a Store. The zero value of each field is a good one.
type Options struct {
	// Prefix starts the name of every key; "" means "rollbook:". Stores with
	// different prefixes are separate, provided that none is a prefix of another.
	// It has no braces, and everybody who uses the data has to give the same.
	Prefix string

	// WaitReplicas is how many replicas have to have received everything that an
	// answer of Apply or Trim rests on before the answer is given. If fewer have, the
	// call is repeated for RetryFor, and then a write that was done on the master is
	// ErrUnknown, and one that was refused is ErrUnavailable. 0 waits for none; see the
	// package comment.
	WaitReplicas int

	// WaitTimeout bounds the waiting for replicas of each try; 0 means one second. It
	// has to be shorter than the client's ReadTimeout.
	WaitTimeout time.Duration

	// RetryFor is how long a call that failed because a server was unreachable or
	// failing over is repeated, within its context; 0 means five seconds, negative
	// not at all. It also bounds the call: where servers do not answer, each step of a
	// call fails at most one ReadTimeout of the client after RetryFor, counted from
	// when the step was begun, with all tries and all waiting in queues. A call has
	// several steps only if the ones before were answered. Repeating is safe while the
	// server knows the nonce of the first try, see the package comment: it is at most
	// 30 seconds.
	RetryFor time.Duration

	// Observer is told what the store does; nil: nobody.
	Observer *store.Observer

	// Logger gets what CheckServer and Scrub have to say; nil: nobody. Nothing
	// personal is logged.
	Logger *slog.Logger
}

// Store is a store on Redis. It is safe for concurrent use, by any number of
// processes on the same keys.
//
// It has no Close: close the client when no call is running. A goroutine of the
// store lives at most as long as the client's timeouts after the last call.
type Store struct {
	layout
	client  goredis.UniversalClient
	single  *goredis.Client        // nil on Cluster
	cluster *goredis.ClusterClient // nil elsewhere
	lanes   lanes
	scripts scripts

	wait        replicaWait
	retryFor    time.Duration
	readTimeout time.Duration // the client's
	observer    store.Observer
	log         *slog.Logger
}

const (
	defaultRetryFor    = 5 * time.Second
	defaultWaitTimeout = time.Second
)

// mostRetryFor leaves the last try the time that it takes before a nonce expires.
const mostRetryFor = 30 * time.Second

// DefaultPrefix starts the name of every key where Options.Prefix is empty.
const DefaultPrefix = "rollbook:"

// New returns a store that uses the client, which stays the caller's to close.
// Nothing is sent. It fails if the options make no sense, and with clients that it
// cannot serve: a Ring, one that reads from replicas, or one of another package.
func New(client goredis.UniversalClient, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	s := &Store{
		layout:   layout{prefix: opts.Prefix},
		client:   client,
		scripts:  newScripts(),
		wait:     replicaWait{replicas: opts.WaitReplicas, timeout: opts.WaitTimeout},
		retryFor: opts.RetryFor,
		log:      opts.Logger,
	}
	if opts.Observer != nil {
		s.observer = *opts.Observer
	}
	if s.prefix == "" {
		s.prefix = DefaultPrefix
	}
	if s.retryFor == 0 {
		s.retryFor = defaultRetryFor
	}
	if s.wait.timeout == 0 {
		s.wait.timeout = defaultWaitTimeout
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if strings.ContainsAny(s.prefix, "{}") {
		return nil, errors.New("redisstore: prefix: has a brace")
	}
	if s.retryFor > mostRetryFor {
		return nil, fmt.Errorf("redisstore: RetryFor: longer than %v", mostRetryFor)
	}
	var err error
	if s.readTimeout, err = s.use(client); err != nil {
		return nil, err
	}
	if err := s.wait.check(s.readTimeout); err != nil {
		return nil, err
	}
	if s.readTimeout <= 0 { // the client has none
		s.readTimeout = readTimeout
	}
	return s, nil
}

// use takes the client apart and returns its read timeout.
func (s *Store) use(client goredis.UniversalClient) (time.Duration, error) {
	switch c := client.(type) {
	case *goredis.Client:
		if c == nil {
			return 0, errors.New("redisstore: client: nil")
		}
		s.single = c
		return c.Options().ReadTimeout, nil
	case *goredis.ClusterClient:
		if c == nil {
			return 0, errors.New("redisstore: client: nil")
		}
		o := c.Options()
		if o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return 0, errors.New("redisstore: client: reads from replicas, which would be stale")
		}
		s.cluster = c
		return o.ReadTimeout, nil
	case nil:
		return 0, errors.New("redisstore: client: nil")
	default:
		return 0, fmt.Errorf("redisstore: client: %T is neither a Client nor a ClusterClient", client)
	}
}

// replicaWait is what a pipeline of writes ends with; none if replicas is 0.
type replicaWait struct {
	replicas int
	timeout  time.Duration
}

func (w replicaWait) check(readTimeout time.Duration) error {
	switch {
	case w.replicas < 0:
		return errors.New("redisstore: WaitReplicas: negative")
	case w.replicas == 0:
		return nil
	case w.timeout < time.Millisecond:
		return errors.New("redisstore: WaitTimeout: shorter than a millisecond")
	case readTimeout > 0 && w.timeout >= readTimeout:
		return errors.New("redisstore: WaitTimeout: not shorter than the client's ReadTimeout")
	}
	return nil
}

// script is a Lua script and the name by which a server that has seen it runs it.
type script struct{ source, sha string }

type scripts struct{ apply, get, changes, trim, confirm, probe script }

func newScripts() scripts {
	named := func(source string) script {
		return script{source: source, sha: goredis.NewScript(source).Hash()}
	}
	return scripts{
		apply:   named(applySource),
		get:     named(getSource),
		changes: named(changesSource),
		trim:    named(trimSource),
		confirm: named(confirmSource),
		probe:   named(probeSource),
	}
}

//go:embed apply.lua
var applySource string

//go:embed get.lua
var getSource string

//go:embed changes.lua
var changesSource string

//go:embed trim.lua
var trimSource string

//go:embed confirm.lua
var confirmSource string

//go:embed probe.lua
var probeSource string

// Get implements store.Store. By ID it is one HGET, by a unique key one script:
// one round trip each.
func (s *Store) Get(ctx context.Context, tenant string, key store.Key) (r store.Record, err error) {
	c := s.begin("Get")
	defer func() { c.end(one(err), err) }()
	if err := store.CheckKey(tenant, key); err != nil {
		return store.Record{}, err
	}
	sp := s.space(tenant)
	if key.Kind == "" {
		return s.getByID(ctx, sp, key.Value)
	}
	reply, err := s.readScript(ctx, sp, "Get", point, s.scripts.get,
		[]string{sp.unique(), sp.records()}, uniqueField(key))
	if err != nil {
		return store.Record{}, err
	}
	switch {
	case reply.is("none", 0):
		return store.Record{}, store.ErrNotFound
	case !reply.is("found", 2):
		return store.Record{}, unavailable(errReply)
	}
	r, err = decodeRecord(tenant, reply.args[0], reply.args[1])
	switch {
	case err != nil:
		return store.Record{}, &store.DamagedError{ID: reply.args[0]}
	case !slices.Contains(r.Unique, key): // left behind by a record that was removed
		return store.Record{}, store.ErrNotFound
	}
	return r, nil
}

func (s *Store) getByID(ctx context.Context, sp space, id string) (store.Record, error) {
	vals, err := s.read(ctx, sp, "Get", point, []any{"hget", sp.records(), id})
	if err != nil {
		return store.Record{}, err
	}
	switch v := vals[0].(type) {
	case nil:
		return store.Record{}, store.ErrNotFound
	case string:
		r, err := decodeRecord(sp.tenant, id, v)
		if err != nil {
			return store.Record{}, &store.DamagedError{ID: id}
		}
		return r, nil
	}
	return store.Record{}, unavailable(errReply)
}
