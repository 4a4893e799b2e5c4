-- A write that nobody reads, for a client that waits for replicas. KEYS[1] are nonces,
-- ARGV[1] is the tenant.
redis.call('ZREM', KEYS[1], '') -- so that a full server does not refuse it; see apply.lua
redis.call('ZADD', KEYS[1], '0', '')
redis.call('ZREM', KEYS[1], '')
return {'done', ARGV[1]}
