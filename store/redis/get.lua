-- The record that a unique key names. KEYS are unique keys and records, ARGV the tenant
-- and the key.
local id = redis.call('HGET', KEYS[1], ARGV[2])
local value = id and redis.call('HGET', KEYS[2], id)
if not value then
  return {'none', ARGV[1]}
end
return {'found', ARGV[1], id, value}
