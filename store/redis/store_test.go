package redis_test

import (
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

func TestNewRefuses(t *testing.T) {
	single := goredis.NewClient(&goredis.Options{ReadTimeout: time.Second})
	stale := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{"localhost:1"}, ReadOnly: true})
	ring := goredis.NewRing(&goredis.RingOptions{Addrs: map[string]string{"a": "localhost:1"}})
	for _, c := range []goredis.UniversalClient{single, stale, ring} {
		defer func() { _ = c.Close() }()
	}
	for name, test := range map[string]struct {
		client goredis.UniversalClient
		opts   *redisstore.Options
	}{
		"no client":             {nil, nil},
		"nil client":            {(*goredis.Client)(nil), nil},
		"nil cluster":           {(*goredis.ClusterClient)(nil), nil},
		"ring":                  {ring, nil},
		"reads from replicas":   {stale, nil},
		"brace in the prefix":   {single, &redisstore.Options{Prefix: "a{b"}},
		"negative replicas":     {single, &redisstore.Options{WaitReplicas: -1}},
		"wait behind a timeout": {single, &redisstore.Options{WaitReplicas: 1, WaitTimeout: time.Second}},
		"retries for minutes":   {single, &redisstore.Options{RetryFor: time.Minute}},
		"wait of microseconds":  {single, &redisstore.Options{WaitReplicas: 1, WaitTimeout: time.Microsecond}},
	} {
		if st, err := redisstore.New(test.client, test.opts); err == nil || st != nil {
			t.Errorf("%s: %v, %v; want an error and nothing else", name, st, err)
		}
	}
}
