-- One Apply. Everything is judged before anything but the nonce is written, because
-- Redis does not undo a script that fails half way. Replies are flat arrays of
-- strings that start with a status, the tenant and the nonce. Numbers are strings of
-- digits: tostring would round them.
--
-- KEYS: records, unique keys, feed, nonce, tenants, queue, and the sorted sets
-- that ARGV refers to by their place. ARGV is described in plan.go.
local records, unique, feed, nonce = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local tenants, queue = KEYS[5], KEYS[6]
local tenant, name, hash, again, twice = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local n, claims, releases, holds = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local unlists, lists = tonumber(ARGV[10]), tonumber(ARGV[11])
local dues, queued = tonumber(ARGV[12]), tonumber(ARGV[13])
local at = 13 -- the last argument that was used

-- The revision counter is the record with the empty ID.
local ids = at
local olds = redis.call('HMGET', records, '', unpack(ARGV, ids + 1, ids + n))
at = at + n
local ops = at
local revision = tonumber(olds[1] or '0')
local last = string.format('%016.0f', revision + n)

-- The nonce is taken first, with the outcome of a write that is done. If it is
-- there already the write was done, and this is its outcome; or an earlier try was
-- refused, and a late one may look but must not write.
local dead = false
if not redis.call('SET', nonce, hash .. last, 'PX', 60000, 'NX') then
  local seen = redis.call('GET', nonce) or ''
  if string.sub(seen, 1, #hash) ~= hash then
    return {'reused', tenant, name}
  end
  local outcome = string.sub(seen, #hash + 1)
  if outcome ~= '-' then
    redis.call('PEXPIRE', nonce, 60000)
    return {'done', tenant, name, outcome}
  end
  dead = true
end

-- A refused write gives the nonce back, or marks it if an earlier try may be late.
local function refuse(reply)
  if dead then
    return reply
  end
  if again == '1' then
    redis.call('SET', nonce, hash .. '-', 'PX', 60000)
  else
    redis.call('UNLINK', nonce)
  end
  return reply
end

-- Preconditions.
for i = 1, n do
  local expected, old = ARGV[at + 1], olds[i + 1]
  if expected == '' then
    if old then
      return refuse({'stale', tenant, name, string.format('%d', i - 1)})
    end
  elseif not old or string.sub(old, 1, 16) ~= expected then
    return refuse({'stale', tenant, name, string.format('%d', i - 1)})
  elseif string.sub(old, 33, 48) ~= ARGV[at + 2] then
    return refuse({'false', tenant, name, string.format('%d', i - 1)})
  end
  at = at + 4
end

-- Unique keys that no record of this batch releases. Lua's stack holds some
-- thousand arguments, so long lists go in pieces.
local piece = 1000
for from = 1, claims, piece do
  local to = math.min(from + piece - 1, claims)
  local holders = redis.call('HMGET', unique, unpack(ARGV, at + from, at + to))
  for i = from, to do
    local holder = holders[i - from + 1]
    if holder then
      local value = redis.call('HGET', records, holder)
      if not value then
        return refuse({'damaged', tenant, name})
      end
      return refuse({'taken', tenant, name, string.format('%d', i - 1), holder, value})
    end
  end
end
at = at + claims
if twice == '1' then
  return refuse({'twice', tenant, name})
end

if dead then
  return {'dead', tenant, name}
end

-- From here on nothing can fail, but for keys that somebody else has made below
-- the prefix with another type.
if revision == 0 then
  redis.call('ZADD', tenants, '0', tenant)
end

local created, written, deleted = {}, {'', last}, {}
for i = 1, n do
  local number = string.format('%016.0f', revision + i)
  local old, body, note = olds[i + 1], ARGV[ops + 4 * i - 1], ARGV[ops + 4 * i]
  created[i] = old and string.sub(old, 17, 32) or number
  if body == '' then
    deleted[#deleted + 1] = ARGV[ids + i]
  else
    written[#written + 1] = ARGV[ids + i]
    written[#written + 1] = number .. created[i] .. body
  end
  if note ~= '' then
    redis.call('ZADD', feed, number, number .. note)
  end
end
redis.call('HSET', records, unpack(written))
if #deleted > 0 then
  redis.call('HDEL', records, unpack(deleted))
end

local function each(command, key, count)
  for from = 1, count, piece do
    redis.call(command, key, unpack(ARGV, at + from, at + math.min(from + piece - 1, count)))
  end
  at = at + count
end
each('HDEL', unique, releases)
each('HSET', unique, holds)
for _ = 1, unlists do
  redis.call('ZREM', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2])
  at = at + 2
end
for _ = 1, lists do
  local i = tonumber(ARGV[at + 2])
  redis.call('ZADD', KEYS[tonumber(ARGV[at + 1])], created[i], ARGV[ids + i])
  at = at + 2
end
for _ = 1, dues do
  redis.call('ZADD', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2], ARGV[at + 3])
  at = at + 3
end
for _ = 1, queued do
  local first = redis.call('ZRANGE', KEYS[tonumber(ARGV[at + 1])], 0, 0, 'WITHSCORES')
  if first[1] then
    redis.call('ZADD', queue, first[2], ARGV[at + 2])
  else
    redis.call('ZREM', queue, ARGV[at + 2])
  end
  at = at + 2
end
return {'done', tenant, name, last}
