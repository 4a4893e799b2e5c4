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
// not undo a script that fails half way. If another program makes a key of another type
// below the prefix, the script can fail half way: the prefix must be the store's alone.
// Concurrent calls share a pipeline, so more callers mean larger batches and not more
// connections. A single caller waits for nobody.
//
// # Writes that are sent again
//
// A request that is sent twice, by this package, by go-redis or by the network, is done once
// and gets the same answer both times. For that every Apply has a random nonce, and a record
// keeps the nonce of the write that left it. If a repeated write finds its nonce there, it
// was done, and the record has its revision.
//
// Another caller may have replaced or deleted that record meanwhile. Then the replacement or
// the deletion has left the earlier nonce, with its revision, in a sorted set of the
// tenant. So a create whose reply was lost is answered as done even if the record was
// deleted before the create is sent again, and does not bring the record back. A batch
// that leaves no record puts its own nonce there. So does a repeated write that is refused,
// and an earlier attempt of it that arrives late does nothing.
//
// This holds for a minute after the write by the server's clock, which is longer than any
// call is repeated. A record that was written before that leaves no nonce: the store keeps,
// with the tenant's revision counter, up to which revision all are older than a minute. A
// write that creates records, or replaces old ones, leaves nothing behind. A set is removed
// a minute after its last entry, and old entries before that when others come.
//
// Import and Drop leave their nonces there too. Drop leaves the set as it is: a write that
// is sent again after its tenant was dropped is answered as before, and does not make the
// tenant anew. So the set's key has a hash in place of the tenant's name.
//
// # When servers fail
//
// If a call fails because a server is unreachable or fails over, the store repeats it
// for Options.RetryFor, five seconds by default. If the outcome of a write is still
// uncertain then, the error is store.ErrUnknown; if nothing was written, it is
// store.ErrUnavailable. A call takes at most RetryFor plus one ReadTimeout of the client,
// all waiting included, even if the server accepts connections and never answers. A call
// of several round trips has this time for each.
//
// While an answer is late, the store checks every 100 ms whether the tenant has another
// server by now, and then asks that one. With a client of [NewClient] and its defaults
// the first answer comes less than 1.5 s after Sentinel or Cluster has promoted a
// replica, whether the master was killed, hangs, or is cut off from all but its clients.
// How long after the failure a replica is promoted is the servers' own setting
// (down-after-milliseconds, by default 30 s, and cluster-node-timeout, 15 s). For calls
// that are to outlast it, set RetryFor to more than that.
//
// # How reads work
//
// Get joins those of other callers in a pipeline, as writes do. All other reads go alone
// and in turns that the tenants share, one step at a time. Up to four pages and eight
// smaller steps are on their way to a server at once. A page with more than 128 KiB of
// records takes as long to decode as to fetch. So at most GOMAXPROCS-1 of them, and at
// least one, are read from a server at once. The store reads the sizes of records before the
// records, so it never fetches more than a page of them. Records that turn out not to match
// count too: they can fill a page and end it. The server cuts a change feed to a page.
//
// # Damage
//
// A record carries a checksum of its body, its tenant and its ID, and its revisions in a
// form that shows a changed digit. Every read verifies them. A write compares each record
// that it replaces or deletes with the one that the caller has read: the revisions, and a
// digest of everything that the record is found by. It does not verify the data, so data
// that was damaged after it was read is written over. A create, and a requirement on a
// revision, verify the whole record if one has the ID.
//
// The digest of a record's keys is stored beside it. While the digest is readable, Remove
// deletes all of a damaged record; otherwise its keys and index entries stay behind and
// are skipped. The next claim of such a key takes a second round trip if a new record has
// got the ID of the one that was removed.
//
// # What survives
//
// A crash of the program loses no acknowledged write: Redis has them all.
//
// What a crash of the Redis process or a power cut loses depends on the server's own
// settings. With appendonly yes and appendfsync always it is no acknowledged write; with
// appendfsync everysec the last one or two seconds; without the append-only file
// everything since the last snapshot. [Store.CheckServer] warns where it is off.
// Without any file a master must not start again by itself: it comes back empty, and its
// replicas follow it.
//
// A failover of Sentinel or Cluster loses acknowledged writes, because replication is
// asynchronous and what the new master had not received is lost. That is a moment's
// writes when a master dies, and everything that an isolated master went on to accept
// before the others replaced it. min-replicas-to-write narrows that window and does
// not close it. Whatever is lost, the rest stays consistent: one script writes a record
// with its keys, and Redis replicates it as one transaction.
//
// # Waiting for replicas
//
// With Options.WaitReplicas every answer of a write waits (WAIT) until that many
// replicas have received what it rests on. That is a write that was done, and also the
// record or revision that a refusal names, since a failover could take it back. If fewer
// replicas have it after WaitTimeout, the store repeats the call for RetryFor. Then a
// write that was done on the master is store.ErrUnknown, and a refusal is
// store.ErrUnavailable. That makes loss unlikely; it does not make Redis a consensus
// system, since a replica that lacks the write may still be promoted.
//
// Get, List, Count, Due and Changes do not wait. They show what the master has, which may
// be lost with it, and a master that is cut off may go on showing it until its clients
// have left it. A caller whose answer must outlast a failover, and rests on reads alone,
// calls [Store.Confirm] first, as package enduser does.
//
// While fewer replicas than WaitReplicas are in step, nothing is acknowledged. If each
// master has one replica, WaitReplicas 1 therefore stops all writes while the replica is
// away, and after a failover until the old master is back as a replica. To go on writing
// then, give each master two replicas.
//
// # Large steps
//
// While a script runs, its server does nothing else. An Import is one script, of about a
// millisecond for 128 records with as many entries of the feed, and of seven for 1,000. Drop
// takes a fraction of a millisecond for a feed of any length: the server gives the memory back
// beside its other work. Trim and Verify work in steps of at most some milliseconds.
//
// # Backups
//
// Back up each master's files, as Redis says: the snapshot after BGSAVE, or the append-only
// files while none is being rewritten. Neither has a part of a write, since each write is one
// transaction; from an append-only file that ends early the last writes are missing. The
// files of a replica are as good, and may lack more of the last writes. A Cluster has files
// of each master, from different moments. A tenant is on one master, so each tenant is of one
// moment.
//
// To restore, stop all programs, let new servers load the files, and run [Store.Verify]
// before programs start again. A Cluster's new masters need the slots of those that wrote the
// files. Or load each file into a single server, and take over its tenants with [store.Copy].
//
// What was written after the backup is lost, deletions included: repeat those that had to
// be. Revisions begin again at the backup's end. Package enduser tells a reader of the feed
// that was beyond it so (ErrTrimmed), and no version of a lost state is one of a new state.
// Readers that were not beyond it go on. A request that was sent before the restore and is
// repeated after it is a new one.
//
// Sensitive values are sealed in the files, as in the database. The keys of the keyring are
// in neither: keep them elsewhere, and each key for as long as a backup that needs it.
//
// # What remains of deleted data
//
// A deleted record is gone from the database at once. The feed keeps its ID and the notes
// until Trim, Drop forgets those too, and a minute after Drop nothing of a tenant is in the
// database. These still have what was deleted:
//
//   - the append-only file and the snapshot, until they are written anew; [Store.Scrub] does
//     that on the masters. On each replica send BGREWRITEAOF, and BGSAVE where it keeps a
//     snapshot;
//   - backups, until you delete them;
//   - the slow log, which quotes arguments of slow scripts, until SLOWLOG RESET;
//   - memory that the server has freed and not used again.
//
// If a record is so damaged that its removal cannot tell by which keys and terms it was found,
// those stay behind, with its ID, and are skipped. Verify with Mend removes them.
//
// # Memory limits
//
// The server's maxmemory-policy has to be noeviction. The allkeys policies let Redis drop
// a user, or one of the keys a user is found by, without an error: then two users
// have one external ID. The volatile policies let it drop the nonces of writes, and a
// request that is sent twice is done twice. CheckServer refuses such a server.
//
// A full server with noeviction refuses writes, which is store.ErrUnavailable. It still
// accepts calls that only take data away: batches that only delete, with their entries in
// the feed; replacements without a note, if the data of the new record is not longer and it
// has no new unique key and no new index term; Trim; and Drop.
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
//	                                         that was trimmed, "\xfd" which revisions
//	                                         are older than a minute
//	rollbook:{527}:u:acme            hash    unique key -> record ID
//	rollbook:{527}:f:acme            zset    change feed, by revision
//	rollbook:{527}:k:4:acme…         zset    record IDs of one kind, by Created
//	rollbook:{527}:i:4:acme…         zset    record IDs with one index term, by Created
//	rollbook:{527}:d:4:acme…         zset    Due and record ID of one kind, score 0
//	rollbook:{527}:s:acme            zset    kinds of which there are or were records
//	rollbook:{527}:n:822e…           zset    nonces of the last minute that no record
//	                                         has, by revision; expires
//	rollbook:{527}:t                 zset    the bucket's tenants
//	rollbook:{527}:q                 zset    (kind, tenant) by earliest Due
//
// While Cluster moves a slot, it may refuse writes to the tenants in it with TRYAGAIN
// until the slot has arrived. The store repeats them for Options.RetryFor; then they are
// store.ErrUnavailable.
//
// # Permissions
//
// The store needs these rights, and no others:
//
//	ACL SETUSER rollbook on >password resetkeys ~rollbook:* resetchannels nocommands
//	  +evalsha +eval +time +pexpire +unlink +hget +hmget +hlen +hstrlen +hset +hdel
//	  +zadd +zrem +zcard +zcount +zrange +zrangebyscore +zrevrangebyscore
//	  +zrangebylex +zmscore +zremrangebyrank +ping +hello +select +wait
//	  +cluster|slots +cluster|shards +cluster|nodes +command +readonly +asking
//
// Of a Sentinel it needs +hello, +sentinel|master and +sentinel|get-master-addr-by-name.
//
// CheckServer sends every one of the commands, so that a missing right shows at start and
// not in a script that has begun to write. To check the server's settings too it uses
// +info or +config|get, where permitted. Two methods need more:
//
//	Scrub    +config|get +info +bgrewriteaof +bgsave
//	Verify   +scan +hscan +zscan
//
// # Client settings
//
// [ParseURL] makes the options of client and store from a URL. [NewClient] sets what
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
// program, which the store does not change; see [ClientLogger].
package redis
