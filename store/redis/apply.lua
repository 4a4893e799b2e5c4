-- One Apply. Everything is judged before the first write, because Redis does not
-- undo a script that fails half way. Replies are flat arrays of strings that
-- start with a status, the tenant and the nonce. Numbers are strings of digits:
-- tostring would round them.
local meta, records, unique, feed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local nonce, tenants, queue = KEYS[5], KEYS[6], KEYS[7]
local tenant, name, hash, again = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local at = 4
local function take()
  at = at + 1
  return ARGV[at]
end
local function count()
  return tonumber(take())
end

-- A nonce that was seen: the write was done, and this is its outcome; or an
-- earlier try was refused, and a late one may look but must not write.
local dead = false
local seen = redis.call('GET', nonce)
if seen then
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

local function refuse(reply)
  if again == '1' and not dead then
    redis.call('SET', nonce, hash .. '-', 'PX', 60000)
  end
  return reply
end

-- Preconditions.
local n = count()
local ids, bodies, notes, olds = {}, {}, {}, {}
for i = 1, n do
  local id, revision, digest = take(), take(), take()
  ids[i], bodies[i], notes[i] = id, take(), take()
  local old = redis.call('HGET', records, id)
  olds[i] = old
  if revision == '' then
    if old then
      return refuse({'stale', tenant, name, string.format('%d', i - 1)})
    end
  elseif not old or string.sub(old, 1, 16) ~= revision then
    return refuse({'stale', tenant, name, string.format('%d', i - 1)})
  elseif string.sub(old, 33, 48) ~= digest then
    return refuse({'false', tenant, name, string.format('%d', i - 1)})
  end
end

-- Unique keys that no record of this batch releases.
for i = 1, count() do
  local holder = redis.call('HGET', unique, take())
  if holder then
    local value = redis.call('HGET', records, holder)
    if not value then
      return refuse({'damaged', tenant, name})
    end
    return refuse({'taken', tenant, name, string.format('%d', i - 1), holder, value})
  end
end
if take() == '1' then
  return refuse({'twice', tenant, name})
end

-- Types: each of these calls fails on a key of another type.
local revision = tonumber(redis.call('HGET', meta, 'revision') or '0')
redis.call('HLEN', unique)
redis.call('ZCARD', feed)
redis.call('ZCARD', tenants)
redis.call('ZCARD', queue)
for i = 8, #KEYS do
  redis.call('ZCARD', KEYS[i])
end

if dead then
  return {'dead', tenant, name}
end

-- From here on nothing can fail.
local last = string.format('%016.0f', revision + n)
redis.call('SET', nonce, hash .. last, 'PX', 60000)
redis.call('HSET', meta, 'revision', last)
if revision == 0 then
  redis.call('ZADD', tenants, '0', tenant)
end

local created = {}
for i = 1, n do
  local number = string.format('%016.0f', revision + i)
  created[i] = olds[i] and string.sub(olds[i], 17, 32) or number
  if bodies[i] == '' then
    redis.call('HDEL', records, ids[i])
  else
    redis.call('HSET', records, ids[i], number .. created[i] .. bodies[i])
  end
  if notes[i] ~= '' then
    redis.call('ZADD', feed, number, number .. notes[i])
  end
end
for _ = 1, count() do
  redis.call('HDEL', unique, take())
end
for _ = 1, count() do
  local field = take()
  redis.call('HSET', unique, field, ids[tonumber(take())])
end
for _ = 1, count() do
  local key = KEYS[tonumber(take())]
  redis.call('ZREM', key, ids[tonumber(take())])
end
for _ = 1, count() do
  local key = KEYS[tonumber(take())]
  local i = tonumber(take())
  redis.call('ZADD', key, created[i], ids[i])
end
for _ = 1, count() do
  local key = KEYS[tonumber(take())]
  local due = take()
  redis.call('ZADD', key, due, ids[tonumber(take())])
end
for _ = 1, count() do
  local key = KEYS[tonumber(take())]
  local member = take()
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[1] then
    redis.call('ZADD', queue, first[2], member)
  else
    redis.call('ZREM', queue, member)
  end
end
return {'done', tenant, name, last}
