-- A page of the feed. KEYS are records and feed. ARGV are the tenant, the field of the
-- mark, the exclusive bounds of the query (an upper bound of '0' is none), '1' for the
-- newest first, the most entries, and the most bytes, which only the first entry may
-- exceed. Entries are read in pieces that cannot be much larger than a page. Those that
-- Trim has forgotten and not removed yet are skipped. The reply has the mark, 'more' or
-- 'end', and the entries with their revisions.
local mark = redis.call('HGET', KEYS[1], ARGV[2]) or '0'
local low, high, newest = ARGV[3], ARGV[4], ARGV[5] == '1'
local most, room = tonumber(ARGV[6]), tonumber(ARGV[7])
if tonumber(mark) > tonumber(low) then
  low = mark
end
low = '(' .. low
high = high == '0' and '+inf' or '(' .. high
local reply, size, piece = {'page', ARGV[1], mark, 'end'}, 0, 16
while true do
  local part
  if newest then
    part = redis.call('ZREVRANGEBYSCORE', KEYS[2], high, low, 'WITHSCORES', 'LIMIT', 0, piece)
  else
    part = redis.call('ZRANGEBYSCORE', KEYS[2], low, high, 'WITHSCORES', 'LIMIT', 0, piece)
  end
  for i = 1, #part, 2 do
    size = size + #part[i]
    if most == 0 or size > room and #reply > 4 then
      reply[4] = 'more'
      return reply
    end
    most = most - 1
    reply[#reply + 1] = part[i]
    reply[#reply + 1] = string.format('%016.0f', tonumber(part[i + 1]))
  end
  if #part < 2 * piece then
    return reply
  end
  if newest then
    high = '(' .. part[#part]
  else
    low = '(' .. part[#part]
  end
end
