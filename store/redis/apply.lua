-- One Apply; write.lua stands in front of it. KEYS are also the sorted sets that ARGV refers
-- to by their place. ARGV is read in the order in which plan.command writes it.
local n, requires, witness, newKinds, claims, releases, holds, unlists, lists, plans, queued
local unlisted
do
  local u, a, b, c, d, e1, e2, f1, f2, g1, g2, h1, h2, i1, i2, j1, j2, k1, k2 = string.byte(ARGV[4], 4, 22)
  unlisted, n, requires, witness, newKinds = u == 49, a - 40, b - 40, c - 40, d - 40
  claims, releases, holds = 200 * e1 + e2 - 8040, 200 * f1 + f2 - 8040, 200 * g1 + g2 - 8040
  unlists, lists = 200 * h1 + h2 - 8040, 200 * i1 + i2 - 8040
  plans, queued = 200 * j1 + j2 - 8040, 200 * k1 + k2 - 8040
end
local ids = 4 -- the IDs of the ops are behind it
local at = ids + n -- the last argument that was read

local found = call('HMGET', records, '', '\253', unpack(ARGV, ids + 1, at))
local counter = found[1]
mark = found[2]
if counter and string.find(counter, '%D') then
  return {'counter', nonce}
end
revision = tonumber(counter or '0')
safe = tonumber(mark and sub(mark, 1, 16) or '0') or 0

if frees == 49 then
  free()
end

-- A repeated write was done if the record that it wrote says so, or if the nonce does that
-- was left when somebody wrote over that record; see doc.go.
local done = known[1]
if not done and witness > 0 then
  local value = found[2 + witness]
  if value and sub(value, 82, 97) == nonce then
    done = sub(value, 1, 16)
  end
end
if done then
  touch()
  return 'done' .. nonce .. format('%016.0f', tonumber(done) + (witness > 0 and n - witness or 0))
end

-- Requirements.
for i = 1, requires do
  local how, what, want = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  at = at + 3
  if how == 'free' then
    local holder = call('HGET', unique, what)
    local value = holder and call('HGET', records, holder)
    if value and want ~= sub(value, 1, 16) .. holder then
      return refuse('taken', 'require', i - 1 .. '', holder, value)
    end
  else
    local value = call('HGET', records, what)
    if want == '' and value
      or want ~= '' and (not value or sub(value, 1, 16) ~= want or broken(what, value)) then
      return refuse('stale', 'require', i - 1 .. '')
    end
  end
end

-- What the ops expect. Of a record that is replaced or deleted, all is compared that the
-- write depends on, but not the data, however long.
local removed = {} -- IDs of records that are removed in whatever state they are
for i = 1, n do
  local how, what = ARGV[at + 1], ARGV[at + 2]
  at = at + 2
  local id, old = ARGV[ids + i], found[i + 2]
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
  elseif sub(old, 1, 48) ~= how or sub(old, 65, 81) ~= what then
    if broken(id, old) then
      return refuse('damaged', id)
    elseif sub(old, 1, 16) ~= sub(how, 1, 16) then
      return refuse('stale', 'op', i - 1 .. '')
    elseif sub(old, 65, 81) ~= what then
      return refuse('false', i - 1 .. '')
    end
  end
end

-- Unique keys that no record of this batch releases. A key is free if the record that
-- holds it does not exist or, at the revision that the client names, does not list it.
for from = 1, claims, piece do
  local to = math.min(from + piece - 1, claims)
  local holders = call('HMGET', unique, unpack(ARGV, at + from, at + to))
  for i = from, to do
    local holder = holders[i - from + 1]
    local value = holder and not removed[holder] and call('HGET', records, holder)
    if value and not (unlisted and ARGV[at + claims + i] == sub(value, 1, 16) .. holder) then
      return refuse('taken', 'op', i - 1 .. '', holder, value)
    end
  end
end
at = at + (unlisted and 2 or 1) * claims
if twice == 49 then
  return refuse('twice')
end

if dead then
  touch()
  return {'dead', nonce}
end

-- From here on nothing can fail, except for keys below the prefix that somebody else has
-- made with another type.
if revision == 0 then
  call('ZADD', tenants, '0', tenant)
end

-- The record that is written over says who wrote it. If that write may be repeated yet, it
-- has to find its nonce elsewhere.
local left = {}
for i = 1, n do
  local old = found[i + 2]
  local number = old and tonumber(sub(old, 1, 16))
  if number and number > safe then
    if #left == 0 and not moved then
      age(revision + n)
    end
    local digits, writer = sub(old, 1, 16), sub(old, 82, 97)
    if number > safe and not string.find(digits, '%D') and writer ~= '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' then
      left[#left + 1] = digits
      left[#left + 1] = writer
    end
  end
end
local last = format('%016.0f', revision + n)
if witness == 0 then -- no record says that this write was done
  if #left == 0 and not moved then
    age(revision + n)
  end
  left[#left + 1] = last
  left[#left + 1] = nonce
end
if #left > 0 then
  keep(left)
end

local created, written, deleted = {}, {'', last}, {}
if moved then
  written[3], written[4] = '\253', moved
end
for i = 1, n do
  local number = i == n and last or format('%016.0f', revision + i)
  local id, old = ARGV[ids + i], found[i + 2]
  local body, note = ARGV[at + 1], ARGV[at + 2]
  at = at + 2
  if body == '' then
    deleted[#deleted + 1] = id
  else
    local age = '0000000000000000'
    created[i] = number
    if old then
      created[i] = sub(old, 17, 32)
      age = format('%016.0f', revision + i - tonumber(created[i]))
    end
    written[#written + 1] = id
    written[#written + 1] = number .. created[i] .. age .. body
  end
  if note ~= '' then
    call('ZADD', feed, number, number .. note)
  end
end
call('HSET', records, unpack(written))
if #deleted > 0 then
  call('HDEL', records, unpack(deleted))
end

local function each(command, key, size)
  for from = 1, size, piece do
    call(command, key, unpack(ARGV, at + from, at + math.min(from + piece - 1, size)))
  end
  at = at + size
end
each('HDEL', unique, releases)
each('HSET', unique, 2 * holds)
for _ = 1, unlists do
  call('ZREM', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2])
  at = at + 2
end
for _ = 1, lists do
  local op = tonumber(ARGV[at + 2])
  call('ZADD', KEYS[tonumber(ARGV[at + 1])], created[op], ARGV[ids + op])
  at = at + 2
end
for _ = 1, newKinds do
  at = at + 1
  call('ZADD', kinds, '0', ARGV[at])
end
for _ = 1, plans do -- by Due
  call('ZADD', KEYS[tonumber(ARGV[at + 1])], '0', ARGV[at + 2])
  at = at + 2
end
local queue
if queued > 0 then
  at = at + 1
  queue = KEYS[tonumber(ARGV[at])]
end
for _ = 1, queued do
  local first, member = call('ZRANGE', KEYS[tonumber(ARGV[at + 1])], 0, 0), ARGV[at + 2]
  at = at + 2
  if first[1] then
    call('ZADD', queue, sub(first[1], 1, 16), member)
  else
    call('ZREM', queue, member)
  end
end
return 'done' .. nonce .. last
