package redis

import (
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// NewClient makes a client with settings that suit a store wherever opts leaves
// them zero. A MasterName makes a Sentinel client; several addresses, or
// IsClusterMode, a Cluster client; one address a client of a single server.
// Nothing is sent. The caller closes it.
//
// It sets timeouts (dialing 1 s, reading and writing 3 s, the pool 1 s), 32
// connections a server, contexts that bound running commands, no repetition by
// go-redis itself, one dial a try, a Cluster's layout read again every second, and
// none of the commands that go-redis sends at connect to name itself and to ask
// for maintenance notices.
func NewClient(opts *goredis.UniversalOptions) goredis.UniversalClient {
	var o goredis.UniversalOptions
	if opts != nil {
		o = *opts
	}
	fill(&o.DialTimeout, time.Second)
	fill(&o.ReadTimeout, 3*time.Second)
	fill(&o.WriteTimeout, 3*time.Second)
	fill(&o.PoolTimeout, time.Second)
	fill(&o.PoolSize, 32)
	fill(&o.MaxRetries, -1)
	fill(&o.DialerRetries, 1)
	fill(&o.MaxRedirects, 3)
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	if o.MaintNotificationsConfig == nil {
		o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	}
	if o.MasterName == "" && (o.IsClusterMode || len(o.Addrs) > 1) {
		c := o.Cluster()
		c.ClusterStateReloadInterval = time.Second
		return goredis.NewClusterClient(c)
	}
	return goredis.NewUniversalClient(&o)
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
