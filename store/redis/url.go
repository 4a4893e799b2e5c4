package redis

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// parameters returns the names that the query of a URL may have. Those of go-redis mean what
// they mean to [goredis.ParseFailoverURL].
func parameters() []string {
	return []string{
		"addr", "client_name", "conn_max_idle_time", "conn_max_lifetime", "db", "dial_timeout",
		"master_name", "max_active_conns", "max_idle_conns", "min_idle_conns", "pool_size",
		"pool_timeout", "prefix", "protocol", "read_timeout", "retry_for", "sentinel_password",
		"sentinel_username", "skip_verify", "tls_server_name", "wait_replicas", "wait_timeout",
		"write_timeout",
	}
}

// ParseURL returns the options for [NewClient] and for [New] from a URL:
//
//	redis://[user:password@]host[:port][/database][?parameter=value&…]
//	redis-sentinel://[user:password@]host[:port][/database]?master_name=NAME[&addr=host:port…]
//	redis-cluster://[user:password@]host[:port][?addr=host:port…]
//
// The same with TLS are rediss, rediss-sentinel and rediss-cluster. User and password are
// those of the Redis servers, even where the host is a Sentinel; percent-encode their
// characters that mean something in a URL (RFC 3986 section 2.1).
//
// Parameters of the client: addr is a further Sentinel or Cluster node and may come several
// times. sentinel_username and sentinel_password are for the Sentinels. db, protocol (2 or
// 3), client_name, dial_timeout, read_timeout, write_timeout, pool_size, pool_timeout,
// min_idle_conns, max_idle_conns, max_active_conns, conn_max_idle_time and
// conn_max_lifetime are go-redis's options of these names. A server's certificate is
// verified for the host that is dialed, or for tls_server_name; skip_verify=true verifies
// none. Parameters of the store: prefix, wait_replicas, wait_timeout and retry_for are the
// Options of these names.
//
// A timeout is positive, and in the form of time.ParseDuration or a number of seconds.
// ParseURL returns an error for a parameter that is unknown, that comes twice, or that it
// cannot obey. No error contains any part of the URL except names of the parameters above.
// User and password of the Redis servers are in the CredentialsProvider, so that printing
// the options does not show them; SentinelPassword is a plain field.
func ParseURL(text string) (*goredis.UniversalOptions, *Options, error) {
	u, err := url.Parse(text)
	if err != nil || strings.Contains(u.Host, ",") { // err quotes the URL
		return nil, nil, errors.New("redisstore: URL: invalid: percent-encode user and password, and name every host after the first with addr=")
	}
	scheme, kind, _ := strings.Cut(u.Scheme, "-")
	switch {
	case scheme != "redis" && scheme != "rediss", kind != "" && kind != "sentinel" && kind != "cluster", u.Opaque != "":
		return nil, nil, errors.New("redisstore: URL: must start with redis://, redis-sentinel:// or redis-cluster://, or with rediss in place of redis")
	case strings.Contains(u.EscapedPath()+u.RawQuery, "@"), u.Fragment != "":
		// A "/", "?" or "#" in a password would end the host before the password's end.
		return nil, nil, errors.New("redisstore: URL: percent-encode user, password and values")
	}
	q, err := parseQuery(u.RawQuery)
	if err != nil {
		return nil, nil, err
	}
	opts := &Options{
		Prefix:       q.text("prefix"),
		WaitReplicas: q.number("wait_replicas"),
		WaitTimeout:  q.duration("wait_timeout"),
		RetryFor:     q.duration("retry_for"),
	}
	client, err := q.client(u, scheme, kind)
	if err != nil {
		return nil, nil, err
	}
	return client, opts, nil
}

// query is the query of a URL, and the first error in reading it.
type query struct {
	values url.Values
	err    error
}

func parseQuery(raw string) (*query, error) {
	q := &query{values: url.Values{}}
	for i, pair := range strings.Split(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(value)
		switch {
		case !slices.Contains(parameters(), name): // which may be a piece of a password
			return nil, fmt.Errorf("redisstore: URL: parameter %d is unknown; there are %s", i+1, strings.Join(parameters(), ", "))
		case err != nil:
			return nil, fmt.Errorf("redisstore: URL: %s: not percent-encoded", name)
		case value == "":
			return nil, fmt.Errorf("redisstore: URL: %s: empty", name)
		case q.values.Has(name) && name != "addr":
			return nil, fmt.Errorf("redisstore: URL: %s: given twice", name)
		}
		q.values.Add(name, value)
	}
	return q, nil
}

// text removes a value and returns it.
func (q *query) text(name string) string {
	value := q.values.Get(name)
	q.values.Del(name)
	return value
}

func (q *query) number(name string) int {
	value := q.text(name)
	if value == "" {
		return 0
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		q.fail(name, "not a number of at least 0")
	}
	return n
}

func (q *query) duration(name string) time.Duration {
	value := q.text(name)
	if value == "" {
		return 0
	}
	if _, err := strconv.Atoi(value); err == nil {
		value += "s"
	}
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		q.fail(name, "not a positive duration")
	}
	return d
}

func (q *query) fail(name, why string) {
	if q.err == nil {
		q.err = fmt.Errorf("redisstore: URL: %s: %s", name, why)
	}
}

// client returns the options of a client from the rest of the query.
func (q *query) client(u *url.URL, scheme, kind string) (*goredis.UniversalOptions, error) {
	sentinelUser, sentinelPassword := q.text("sentinel_username"), q.text("sentinel_password")
	serverName := q.text("tls_server_name")
	for _, name := range []string{"pool_size", "min_idle_conns", "max_idle_conns", "max_active_conns"} {
		q.keep(name, strconv.Itoa(q.number(name)))
	}
	for _, name := range []string{
		"dial_timeout", "read_timeout", "write_timeout", "pool_timeout", "conn_max_idle_time", "conn_max_lifetime",
	} {
		q.keep(name, q.duration(name).String())
	}
	if q.err != nil {
		return nil, q.err
	}
	plain := *u
	plain.Scheme, plain.User, plain.RawQuery = scheme, nil, q.values.Encode()
	if kind == "sentinel" && u.Port() == "" {
		plain.Host = net.JoinHostPort(cmp.Or(u.Hostname(), "localhost"), "26379")
	}
	o, err := goredis.ParseFailoverURL(plain.String()) // which knows all that the other two know
	if err != nil {                                    // which quotes values
		return nil, errors.New("redisstore: URL: invalid database, protocol, skip_verify or addr; an addr is host:port")
	}
	switch {
	case o.DB < 0:
		return nil, errors.New("redisstore: URL: db: negative")
	case o.Protocol != 0 && o.Protocol != 2 && o.Protocol != 3:
		return nil, errors.New("redisstore: URL: protocol: neither 2 nor 3")
	case (kind == "sentinel") != (o.MasterName != ""):
		return nil, errors.New("redisstore: URL: master_name: required with redis-sentinel, and only there")
	case kind != "sentinel" && (sentinelUser != "" || sentinelPassword != ""):
		return nil, errors.New("redisstore: URL: sentinel_username, sentinel_password: only with redis-sentinel")
	case kind == "" && len(o.SentinelAddrs) > 1:
		return nil, errors.New("redisstore: URL: addr: only with redis-sentinel and redis-cluster")
	case kind == "cluster" && o.DB != 0:
		return nil, errors.New("redisstore: URL: db: a Cluster has only database 0")
	case scheme == "redis" && serverName != "":
		return nil, errors.New("redisstore: URL: tls_server_name: only with rediss")
	}
	if o.TLSConfig != nil {
		o.TLSConfig.ServerName = serverName // empty: of each host that is dialed
	}
	all := universal(o)
	all.IsClusterMode = kind == "cluster"
	all.SentinelUsername, all.SentinelPassword = sentinelUser, sentinelPassword
	if u.User != nil {
		user := u.User.Username()
		password, _ := u.User.Password()
		all.CredentialsProvider = func() (string, string) { return user, password }
	}
	return all, nil
}

// keep puts a value back, unless it is zero.
func (q *query) keep(name, value string) {
	if value != "0" && value != "0s" {
		q.values.Set(name, value)
	}
}

func universal(o *goredis.FailoverOptions) *goredis.UniversalOptions {
	return &goredis.UniversalOptions{
		Addrs: o.SentinelAddrs, MasterName: o.MasterName, DB: o.DB,
		Protocol: o.Protocol, ClientName: o.ClientName, TLSConfig: o.TLSConfig,
		DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout,
		PoolSize: o.PoolSize, PoolTimeout: o.PoolTimeout, MinIdleConns: o.MinIdleConns,
		MaxIdleConns: o.MaxIdleConns, MaxActiveConns: o.MaxActiveConns,
		ConnMaxIdleTime: o.ConnMaxIdleTime, ConnMaxLifetime: o.ConnMaxLifetime,
	}
}
