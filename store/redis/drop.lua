-- Forgets a tenant that has no record; write.lua stands in front of it. Behind the fixed ones
-- KEYS are the queue and, for each kind of ARGV, its lists by Created and by Due; both may have what removed records have left behind. ARGV are, for each kind, its name and its
-- member of the queue. If the tenant has other kinds too, only these are forgotten, which
-- nobody sees, and the answer is 'more'. UNLINK takes the same time for a feed of any length.
if known[1] then
  touch()
  return {'done', nonce}
end
local fields = call('HMGET', records, '', '\253', '\255') -- all that are no records
mark = fields[2]
revision = tonumber(fields[1] or '0') or 0 -- which can be damaged
safe = tonumber(mark and sub(mark, 1, 16) or '0') or 0
local others = 0
for i = 1, 3 do
  others = others + (fields[i] and 1 or 0)
end
if call('HLEN', records) > others then
  return refuse('stale', 'op', '-1')
end
if dead then
  touch()
  return {'dead', nonce}
end
local queue = KEYS[7]
for i = 1, (#ARGV - 4) / 2 do
  call('UNLINK', KEYS[6 + 2 * i], KEYS[7 + 2 * i])
  call('ZREM', kinds, ARGV[3 + 2 * i])
  call('ZREM', queue, ARGV[4 + 2 * i])
end
if call('ZCARD', kinds) > 0 then
  return {'more', nonce}
end
-- Nonces stay until they expire, so that a write of before that is sent again is not done
-- again. This one counts as older than all that come: a minute passes until any is.
call('UNLINK', records, unique, feed, kinds)
call('ZREM', tenants, tenant)
call('ZADD', nonces, 1, nonce)
call('PEXPIRE', nonces, 60000)
return {'done', nonce}
