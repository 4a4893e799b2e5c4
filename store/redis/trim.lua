-- Forgets the entries of the feed before the newest one at or before ARGV[2]. KEYS are
-- records and feed. The mark is the last entry that was forgotten. It is set first and
-- never moves back; no reader sees the entries up to it any more. One call removes at
-- most ARGV[3] entries and says whether more remain. ARGV[4] is the field of the mark.
local function before(high)
  return redis.call('ZREVRANGEBYSCORE', KEYS[2], high, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
end
redis.call('HDEL', KEYS[1], '\254') -- so that a full server does not refuse it; see apply.lua
local mark = redis.call('HGET', KEYS[1], ARGV[4])
local kept = before(ARGV[2])
local gone = kept and before('(' .. kept)
if gone and tonumber(gone) > tonumber(mark or '0') then
  mark = string.format('%016.0f', tonumber(gone))
  redis.call('HSET', KEYS[1], ARGV[4], mark)
end
if not mark then
  return {'done', ARGV[1]}
end
local old, most = redis.call('ZCOUNT', KEYS[2], '-inf', mark), tonumber(ARGV[3])
if old > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, math.min(old, most) - 1)
end
if old > most then
  return {'more', ARGV[1]}
end
return {'done', ARGV[1]}
