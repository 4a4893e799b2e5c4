-- Forgets a part of the feed: KEYS are records and feed. The mark is set first and
-- never moves back, so a reader that misses an entry sees why. One call removes
-- at most ARGV[3] entries and says whether more remain. ARGV[4] is the field of
-- the mark.
local revision = tonumber(redis.call('HGET', KEYS[1], '') or '0')
local through = math.min(tonumber(ARGV[2]), revision)
local trimmed = tonumber(redis.call('HGET', KEYS[1], ARGV[4]) or '0')
redis.call('ZCARD', KEYS[2])
if through > trimmed then
  redis.call('HSET', KEYS[1], ARGV[4], string.format('%016.0f', through))
  trimmed = through
end
local old = redis.call('ZCOUNT', KEYS[2], '-inf', string.format('%016.0f', trimmed))
local most = tonumber(ARGV[3])
if old > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, math.min(old, most) - 1)
end
if old > most then
  return {'more', ARGV[1]}
end
return {'done', ARGV[1]}
