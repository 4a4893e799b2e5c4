-- The record that holds a unique key: KEYS are unique keys and records.
local id = redis.call('HGET', KEYS[1], ARGV[2])
if not id then
  return {'none', ARGV[1]}
end
local value = redis.call('HGET', KEYS[2], id)
if not value then
  return {'damaged', ARGV[1]}
end
return {'found', ARGV[1], id, value}
