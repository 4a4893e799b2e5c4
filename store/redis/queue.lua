-- Whether the queue has a tenant's earliest Due of a kind. KEYS are the records of the kind
-- by Due, and the queue; ARGV the tenant, the member of the queue, and '1' to mend. The reply
-- has the ID of the record that is due first.
local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
local at = redis.call('ZMSCORE', KEYS[2], ARGV[2])[1]
local want = first and tonumber(string.sub(first, 1, 16))
if first and not want or not first and not at or first and at and tonumber(at) == want then
  return {'right', ARGV[1]}
end
if ARGV[3] == '1' then
  if first then
    redis.call('ZADD', KEYS[2], string.sub(first, 1, 16), ARGV[2])
  else
    redis.call('ZREM', KEYS[2], ARGV[2])
  end
end
return {'wrong', ARGV[1], first and string.sub(first, 17) or ''}
