package redis

import (
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The timeouts of NewClient.
const (
	dialTimeout = 500 * time.Millisecond
	readTimeout = 1500 * time.Millisecond
	poolTimeout = time.Second
)

// NewClient returns a client, with settings that suit a store for all that opts leaves
// zero. With a MasterName it is a client of the master that Sentinels name; with several
// addresses, or IsClusterMode, a Cluster client; with one address a client of a single
// server. Nothing is sent. The caller closes it.
//
// It sets timeouts (dialing 500 ms, reading and writing 1.5 s, the pool 1 s), 32
// connections a server, contexts that bound running commands, no repetition by
// go-redis itself, one dial an attempt, a Cluster's layout read again every second, and
// none of the commands that go-redis sends at connect to name itself and to ask
// for maintenance notices.
//
// It finds a new master faster than go-redis does. Every attempt dials, while a pool of
// go-redis dials only once a second after PoolSize dials that failed. It asks all Sentinels
// at once and follows the one with the latest configuration, so name all of them; it asks
// several nodes of a Cluster and takes the layout that most of them have. So a server that
// hangs, or is cut off from the others, does not delay the switch to its successor.
func NewClient(opts *goredis.UniversalOptions) goredis.UniversalClient {
	var o goredis.UniversalOptions
	if opts != nil {
		o = *opts
	}
	fill(&o.DialTimeout, dialTimeout)
	fill(&o.ReadTimeout, readTimeout)
	fill(&o.WriteTimeout, readTimeout)
	fill(&o.PoolTimeout, poolTimeout)
	fill(&o.PoolSize, 32)
	fill(&o.PipelinePoolSize, -1) // none beside the pool
	fill(&o.MaxRetries, -1)
	fill(&o.DialerRetries, 1)
	fill(&o.MaxRedirects, 3)
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	if o.MaintNotificationsConfig == nil {
		o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	}
	if o.Dialer == nil {
		o.Dialer = goredis.NewDialer(&goredis.Options{DialTimeout: o.DialTimeout, TLSConfig: o.TLSConfig})
	}
	switch {
	case o.MasterName != "" && !o.RouteByLatency && !o.RouteRandomly && !o.ReadOnly && !o.IsClusterMode:
		return newSentinelClient(&o)
	case o.MasterName == "" && (o.IsClusterMode || len(o.Addrs) > 1):
		return newClusterClient(&o)
	}
	o.Dialer = failLate(o.Dialer)
	return goredis.NewUniversalClient(&o)
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
