-- One Apply. Everything is checked before anything but the nonce is written, because
-- Redis does not undo a script that fails half way. Replies are flat arrays of strings
-- that start with a status, the tenant and the nonce. Numbers are strings of digits,
-- since tostring would round large ones.
--
-- KEYS are records, unique keys, feed, nonce, tenants, queue, and the sorted sets that
-- ARGV refers to by their place. ARGV is read in the order in which plan.args writes it.
local records, unique, feed, nonce = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local tenants, queue = KEYS[5], KEYS[6]

local at = 0 -- the last argument that was read
local function take(n)
  at = at + n
  return unpack(ARGV, at - n + 1, at)
end
local function count()
  return tonumber((take(1)))
end
local tenant, name, hash, again, twice, frees = take(6)
local n, requires, claims = count(), count(), count()
local releases, holds, unlists = count(), count(), count()
local lists, plans, queued = count(), count(), count()

-- The IDs of the ops. The revision counter is the record with the empty ID.
local ids = at
at = at + n
local olds = redis.call('HMGET', records, '', unpack(ARGV, ids + 1, at))
if olds[1] and string.find(olds[1], '%D') then
  return {'counter', tenant, name}
end
local revision = tonumber(olds[1] or '0')

-- A server whose memory is full refuses a script at its first write, if that may need
-- memory, and only there. A batch that frees memory must not be refused, so it begins
-- with a write that needs none: no record has an ID with this byte.
if frees == '1' then
  redis.call('HDEL', records, '\254')
end

local last = string.format('%016d', revision + n)

-- The nonce is taken first, with the outcome of a write that is done. If it exists
-- already, either the write was done, and this is its outcome; or an earlier attempt was
-- refused, and a late one may read but must not write.
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

-- refuse gives the nonce back, or marks it if an earlier attempt may be late.
local function refuse(status, ...)
  if dead then
    redis.call('PEXPIRE', nonce, 60000) -- a write, for a client that waits for replicas
  elseif again == '1' then
    redis.call('SET', nonce, hash .. '-', 'PX', 60000)
  else
    redis.call('UNLINK', nonce)
  end
  return {status, tenant, name, ...}
end

-- broken reports whether a record is not as it was written; see codec.go.
local function broken(id, value)
  local front, body = string.sub(value, 1, 48), string.sub(value, 65)
  return string.find(front, '%D') or #body < 17 or string.sub(body, 1, 1) ~= '\1'
    or tonumber(string.sub(front, 1, 16)) - tonumber(string.sub(front, 17, 32)) ~= tonumber(string.sub(front, 33))
    or string.sub(redis.sha1hex(#tenant .. ':' .. tenant .. #id .. ':' .. id .. body), 1, 16) ~= string.sub(value, 49, 64)
end

-- Requirements.
for i = 1, requires do
  local how, what, want = take(3)
  if how == 'free' then
    local holder = redis.call('HGET', unique, what)
    local value = holder and redis.call('HGET', records, holder)
    if value and want ~= string.sub(value, 1, 16) .. holder then
      return refuse('taken', 'require', i - 1 .. '', holder, value)
    end
  else
    local value = redis.call('HGET', records, what)
    if want == '' and value
      or want ~= '' and (not value or string.sub(value, 1, 16) ~= want or broken(what, value)) then
      return refuse('stale', 'require', i - 1 .. '')
    end
  end
end

-- What the ops expect. Of a record that is replaced or deleted, all is compared that the
-- write depends on, but not the data, however long.
local removed = {} -- IDs of records that are removed in whatever state they are
for i = 1, n do
  local how, what = take(2)
  local id, old = ARGV[ids + i], olds[i + 1]
  if how == 'remove' then
    if old and redis.sha1hex(old) ~= what then
      return refuse('moved') -- also if there was none, and so no hash
    elseif not old then
      return refuse('stale', 'op', i - 1 .. '')
    end
    removed[id] = true
  elseif not old then
    if how ~= 'create' then
      return refuse('stale', 'op', i - 1 .. '')
    end
  elseif string.sub(old, 1, 48) ~= how or string.sub(old, 65, 81) ~= what then
    if broken(id, old) then
      return refuse('damaged', id)
    elseif string.sub(old, 1, 16) ~= string.sub(how, 1, 16) then
      return refuse('stale', 'op', i - 1 .. '')
    elseif string.sub(old, 65, 81) ~= what then
      return refuse('false', i - 1 .. '')
    end
  end
end

-- Unique keys that no record of this batch releases. A key is free if the record that
-- holds it does not exist or, at the revision that the client names, does not list it.
-- Lua's stack holds some thousand arguments, so long lists go in pieces.
local piece = 1000
for from = 1, claims, piece do
  local to = math.min(from + piece - 1, claims)
  local holders = redis.call('HMGET', unique, unpack(ARGV, at + from, at + to))
  for i = from, to do
    local holder = holders[i - from + 1]
    local value = holder and not removed[holder] and redis.call('HGET', records, holder)
    local unlisted = ARGV[at + claims + i]
    if value and (unlisted == '' or unlisted ~= string.sub(value, 1, 16) .. holder) then
      return refuse('taken', 'op', i - 1 .. '', holder, value)
    end
  end
end
at = at + 2 * claims
if twice == '1' then
  return refuse('twice')
end

if dead then
  return {'dead', tenant, name}
end

-- From here on nothing can fail, except for keys below the prefix that somebody else has
-- made with another type.
if revision == 0 then
  redis.call('ZADD', tenants, '0', tenant)
end

local created, written, deleted = {}, {'', last}, {}
for i = 1, n do
  local number = i == n and last or string.format('%016d', revision + i)
  local id, old = ARGV[ids + i], olds[i + 1]
  local body, note = take(2)
  if body == '' then
    deleted[#deleted + 1] = id
  else
    local age = '0000000000000000'
    created[i] = number
    if old then
      created[i] = string.sub(old, 17, 32)
      age = string.format('%016d', revision + i - tonumber(created[i]))
    end
    written[#written + 1] = id
    written[#written + 1] = number .. created[i] .. age .. body
  end
  if note ~= '' then
    redis.call('ZADD', feed, number, number .. note)
  end
end
redis.call('HSET', records, unpack(written))
if #deleted > 0 then
  redis.call('HDEL', records, unpack(deleted))
end

local function each(command, key, size)
  for from = 1, size, piece do
    redis.call(command, key, unpack(ARGV, at + from, at + math.min(from + piece - 1, size)))
  end
  at = at + size
end
each('HDEL', unique, releases)
each('HSET', unique, 2 * holds)
for _ = 1, unlists do
  local set, member = take(2)
  redis.call('ZREM', KEYS[tonumber(set)], member)
end
for _ = 1, lists do
  local set, op = take(2)
  op = tonumber(op)
  redis.call('ZADD', KEYS[tonumber(set)], created[op], ARGV[ids + op])
end
for _ = 1, plans do -- by Due
  local set, member = take(2)
  redis.call('ZADD', KEYS[tonumber(set)], '0', member)
end
for _ = 1, queued do
  local set, member = take(2)
  local first = redis.call('ZRANGE', KEYS[tonumber(set)], 0, 0)
  if first[1] then
    redis.call('ZADD', queue, string.sub(first[1], 1, 16), member)
  else
    redis.call('ZREM', queue, member)
  end
end
return {'done', tenant, name, last}
