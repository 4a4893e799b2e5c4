package redis

import (
	"errors"
	"fmt"
	"log/slog"
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
	store.Importer
	store.Dropper
	store.KindLister
	store.Verifier
} = (*Store)(nil)

// Options are the settings of a Store. The zero value is ready to use.
type Options struct {
	// Prefix starts the name of every key; "" means "rollbook:". Stores with
	// different prefixes are separate, provided that none is a prefix of another.
	// It has no braces, and all programs that use the data must set the same.
	Prefix string

	// WaitReplicas is how many replicas must have received everything that an answer of
	// Apply, Import, Drop or Trim rests on before the answer is given. If fewer have, the call is
	// repeated for RetryFor; then a write that was done on the master is ErrUnknown, and
	// one that was refused is ErrUnavailable. 0 waits for none; see the package comment.
	WaitReplicas int

	// WaitTimeout bounds the waiting for replicas of each attempt; 0 means one second.
	// It must be shorter than the client's ReadTimeout.
	WaitTimeout time.Duration

	// RetryFor is how long a call is repeated, within its context, if it failed because a
	// server was unreachable or failing over. 0 means five seconds, negative not at all.
	// The most is 30 seconds, since the server must still know the nonce of the first
	// attempt. RetryFor also bounds the call. If servers do not answer, a round trip of the
	// call fails after RetryFor plus one ReadTimeout of the client; that includes all
	// attempts and all waiting in queues. A call makes a further round trip only if the one
	// before was answered.
	RetryFor time.Duration

	// Observer is told what the store does; nil means none.
	Observer *store.Observer

	// Logger gets the warnings of CheckServer and Scrub; nil means none. Nothing
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

// mostRetryFor leaves the last attempt enough time before a nonce expires.
const mostRetryFor = 30 * time.Second

// DefaultPrefix starts the name of every key where Options.Prefix is empty.
const DefaultPrefix = "rollbook:"

// New returns a store that uses the client, which the caller closes. Nothing is sent. It
// returns an error for invalid options, and for clients that it does not support: a Ring,
// one that reads from replicas, or one of another package.
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
		return nil, errors.New("redisstore: Prefix: has a brace")
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

// use sets the client of a single server or of a Cluster, and returns its read timeout.
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

// replicaWait is the WAIT that ends a pipeline of writes; none if replicas is 0.
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
