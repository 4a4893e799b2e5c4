-- Whether a tenant is in the list of tenants, and its counter is not lower than a revision
-- that it has. KEYS are records, feed and tenants. ARGV are the tenant, '1' to mend, and a
-- revision that was read, with the ID of its record; '' for that of an entry. If neither has
-- it any more, nothing is known.
local records, feed, tenants = KEYS[1], KEYS[2], KEYS[3]
local tenant, mend, last, id = ARGV[1], ARGV[2] == '1', ARGV[3], ARGV[4]
if redis.call('HLEN', records) + redis.call('ZCARD', feed) == 0 then
  return {'tenant', tenant, 'listed', 'right'}
end
local listed, counted = 'listed', 'right'
if not redis.call('ZMSCORE', tenants, tenant)[1] then
  listed = 'missing'
  if mend then
    redis.call('ZADD', tenants, '0', tenant)
  end
end
local counter = redis.call('HGET', records, '')
local readable = counter and not string.find(counter, '%D')
local has
if id == '' then
  has = redis.call('ZCOUNT', feed, last, last) > 0
else
  has = string.sub(redis.call('HGET', records, id) or '', 1, 16) == last
end
if counter and not readable or has and tonumber(counter or '0') < tonumber(last) then
  counted = 'low'
  if mend then
    redis.call('HSET', records, '', last)
  end
end
return {'tenant', tenant, listed, counted}
