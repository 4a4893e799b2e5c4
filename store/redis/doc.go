// Package redis keeps a store on Redis: a single server, a Sentinel group or a
// Redis Cluster.
//
//	client := redisstore.NewClient(&goredis.UniversalOptions{Addrs: []string{"localhost:6379"}})
//	defer client.Close()
//	st, err := redisstore.New(client, nil)
//
// Importers call the package redisstore, so that it does not hide go-redis. It
// needs Redis 6.2 or newer, or Valkey, and uses no command that Redis 7.0 does
// not have. Tests run on Redis 7.0.
//
// # How writes work
//
// [Store.Apply] is one Lua script and one round trip. The script checks every
// precondition and every unique key before it writes a record, because Redis does
// not undo a script that fails half way. What it cannot survive is a key below its
// prefix that somebody else has made with another type: the prefix is the store's
// alone. Calls that are made at the same time share a pipeline, so more callers mean
// larger batches and not more connections. A single caller waits for nobody.
//
// Every Apply carries a random nonce and a hash of its ops. The script keeps both
// for 60 seconds together with the outcome of a write that was done, so a request
// that is sent twice, by this package, by go-redis or by the network, is done
// once and answers both times what it answered first. Each write leaves one small
// key behind for those 60 seconds.
//
// # When servers fail
//
// A call that fails because a server is unreachable or fails over is repeated for
// Options.RetryFor, five seconds by default. What then remains uncertain is
// store.ErrUnknown; what was certainly not written is store.ErrUnavailable. However a
// server fails, and if it only accepts connections and never answers, a call ends at most
// one ReadTimeout of the client after RetryFor, with its waiting for others. A call that
// takes several round trips has this time for each.
//
// Who waits for an answer that is late looks every 100 ms whether the tenant has another
// server by now, and then asks that. With a client of [NewClient] and its defaults the
// first answer comes less than 1.5 s after the promotion of a replica, by Sentinel or
// Cluster, whether the master was killed, hangs, or is cut off from all but its clients.
// How long after the failure a replica is promoted is the servers' own setting
// (down-after-milliseconds, by default 30 s, and cluster-node-timeout, 15 s). Set RetryFor
// longer than that for calls that are to outlast it.
//
// # How reads work
//
// Get joins those of other callers in a pipeline, as writes do. All else goes alone and
// in turns that the tenants share, one step at a time: up to four pages, and eight
// smaller steps, are on their way to a server at once. Of pages with more than 128 KiB
// of records there are fewer than the process has processors, and at least one: they
// take as long to decode as to fetch. The sizes of records are asked for before the
// records, so no more than a page of them is fetched; a change feed is cut to a page by
// the server. A page therefore also ends where records that do not match have filled it.
//
// # Damage
//
// A record carries a checksum of its body, which covers its tenant and its ID too, and
// its revisions in a form that shows a changed digit. Whoever reads a record verifies
// them. A write compares, of the records that it replaces or deletes, the revisions and a
// digest of all that they are found by with what was read, and not the data, however
// long: data that was damaged after it was read is written over. A create, and a
// requirement on a revision, verify the whole of a record that has the ID.
//
// The digest of a record's keys is kept beside it. While that can be read, Remove clears
// away all of a damaged record; else its keys and index entries stay behind and are
// passed over. The next claim of a key that was left behind takes a second round trip if
// another record has the ID by then.
//
// # What survives
//
// A crash of the program: every acknowledged write. Redis has it.
//
// A crash of the Redis process, or a power cut: what the server's own settings
// say. With appendonly yes and appendfsync always every acknowledged write; with
// appendfsync everysec all but the last one or two seconds; without the
// append-only file everything since the last snapshot. [Store.CheckServer] warns
// where it is off.
//
// A failover of Sentinel or Cluster: not every acknowledged write. Replication is
// asynchronous, and what the new master had not received is gone: a moment's writes
// when a master dies, and everything that an isolated master went on to accept
// before the others replaced it. min-replicas-to-write narrows that window and does
// not close it. Whatever is lost, what remains agrees with itself: records and
// their keys are written by one script and replicated as one transaction.
//
// # Waiting for replicas
//
// With Options.WaitReplicas every answer of Apply and Trim waits (WAIT) until that many
// replicas have received what it rests on: a write that was done, and a refusal too,
// since it names a record or a revision that a failover could take back. If fewer have it
// in WaitTimeout the call is repeated for RetryFor. Then a write that was done on the
// master is store.ErrUnknown, and a refusal is store.ErrUnavailable. That makes loss
// unlikely; it does not make Redis a consensus system, since a replica that lacks the
// write may still be promoted.
//
// Get, List, Count, Due and Changes do not wait: they tell what the master has, which may
// be lost with it, and a master that is cut off may go on telling it until its clients
// have left it. Who answers for good by what was only read calls [Store.Confirm], as
// package enduser does.
//
// While fewer replicas than WaitReplicas are in step nothing is acknowledged. With one
// replica a master, WaitReplicas 1 therefore stops all writes while the replica is away,
// and after a failover until the old master is back as a replica. Who has to go on writing
// then needs two replicas a master.
//
// # Memory limits
//
// The server's maxmemory-policy has to be noeviction. The allkeys policies let Redis drop
// a user, or one of the keys a user is found by, without telling anybody: then two users
// have one external ID. The volatile policies let it drop the nonces of writes, and a
// request that is sent twice is done twice. CheckServer refuses such a server.
//
// A full server with noeviction refuses writes, which is store.ErrUnavailable. What takes
// away is done all the same: batches that only delete, with their entries in the feed,
// replacements without a note by something that is no longer and is found by nothing new,
// and Trim.
//
// # Layout
//
// Every key of a tenant has the same hash tag, so a tenant is always in one slot
// and one script reaches all of it. The tag is one of 1,024 fixed numbers that a
// hash of the tenant's name selects. A tenant's name never stands inside the
// braces, where a brace in it would change the slot. It follows that a tenant
// cannot be larger than one server, and that one very busy tenant is served by
// one master. With the default prefix, for tenant acme in bucket 527:
//
//	rollbook:{527}:r:acme            hash    record ID -> record; the field "" is the
//	                                         revision counter, "\xff" the last entry
//	                                         that was trimmed
//	rollbook:{527}:u:acme            hash    unique key -> record ID
//	rollbook:{527}:f:acme            zset    change feed, by revision
//	rollbook:{527}:k:4:acme…         zset    record IDs of one kind, by Created
//	rollbook:{527}:i:4:acme…         zset    record IDs with one index term, by Created
//	rollbook:{527}:d:4:acme…         zset    Due and record ID of one kind, score 0
//	rollbook:{527}:n:…               string  a nonce and its outcome, for 60 seconds
//	rollbook:{527}:t                 zset    the bucket's tenants
//	rollbook:{527}:q                 zset    (kind, tenant) by earliest Due
//
// While Cluster moves a slot, writes to the tenants in it may be refused with
// TRYAGAIN until the slot has arrived. They are repeated for Options.RetryFor and
// then store.ErrUnavailable.
//
// # Permissions
//
// The store needs these rights, and no others:
//
//	ACL SETUSER rollbook on >password resetkeys ~rollbook:* resetchannels nocommands
//	  +evalsha +eval +get +set +pexpire +hget +hmget +hstrlen +hset +hdel
//	  +zadd +zrem +zcard +zcount +zrange +zrangebyscore +zrevrangebyscore
//	  +zrangebylex +zmscore +zremrangebyrank +unlink +ping +hello +select +wait
//	  +cluster|slots +cluster|shards +cluster|nodes +command +readonly +asking
//
// Of a Sentinel it needs +hello, +sentinel|master and +sentinel|get-master-addr-by-name.
//
// CheckServer sends every one of the commands, so that a right which is missing is
// found at start and not by a script that has begun to write. To check the server's
// settings too it uses, where permitted, +info or +config|get. For [Store.Scrub] add
// +config|get +info +bgrewriteaof +bgsave.
//
// # Client settings
//
// [ParseURL] makes the options of client and store from a URL. [NewClient] fills in what
// go-redis leaves unset in a way that suits a store. With a client of your own set
// MaxRetries to -1 (zero means three silent retries, which are safe here but blur what an
// error means), ContextTimeoutEnabled, explicit timeouts, DialerRetries to 1,
// PipelinePoolSize to -1, maintenance notifications to disabled, DisableIdentity, and on
// Cluster ClusterStateReloadInterval to a second. Such a client follows a failover more
// slowly: go-redis dials once a second after PoolSize dials that failed, and waits for a
// Sentinel or a node that hangs before it asks another. New refuses clients that read from
// replicas, since reads would be stale.
//
// The store logs through Options.Logger alone. go-redis has one logger for the whole
// program, which the store leaves alone; see [ClientLogger].
package redis
