-- A write that nobody reads, for a client that waits for replicas. KEYS[1] is a nonce,
-- ARGV[1] the tenant.
redis.call('UNLINK', KEYS[1]) -- so that a full server does not refuse it; see apply.lua
redis.call('SET', KEYS[1], '', 'PX', 60000)
return {'done', ARGV[1]}
