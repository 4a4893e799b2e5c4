-- One Import; write.lua stands in front of it. KEYS are also the queue, and the sorted sets
-- that ARGV refers to by their place. ARGV is read in the order in which importPlan.command writes it.
if known[1] then
  touch()
  return {'done', nonce, 'end'}
end
local n, lists, entries = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local queue = KEYS[7]
local claims, sets, queued = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local highest, through = ARGV[11], ARGV[12]
local ids, values = 12, 12 + n
local at = values + n -- the last argument that was read

local fields = call('HMGET', records, '', '\253', '\255')
local counter = fields[1]
mark = fields[2]
if counter and string.find(counter, '%D') then
  return {'counter', nonce}
end
revision = tonumber(counter or '0')
safe = tonumber(mark and sub(mark, 1, 16) or '0') or 0
local trimmed = fields[3] or '0'

-- Records: each is new, or as it is stored, whoever wrote it. Values can be long, so few are
-- read at a time.
local new, anyNew = {}, false
for from = 1, n, 16 do
  local to = math.min(from + 15, n)
  local found = call('HMGET', records, unpack(ARGV, ids + from, ids + to))
  for i = from, to do
    local old, value = found[i - from + 1], ARGV[values + i]
    if not old then
      new[i], anyNew = true, true
    elseif old == value then -- an Import wrote it
    elseif broken(ARGV[ids + i], old) then
      return refuse('damaged', ARGV[ids + i])
    elseif sub(old, 1, 48) ~= sub(value, 1, 48) or sub(old, 65, 81) ~= sub(value, 65, 81)
      or sub(old, 98) ~= sub(value, 98) then
      return refuse('stale', 'op', i - 1 .. '')
    end
  end
end

-- A walk by Created does not see two records in one place.
local listed = at
for _ = 1, lists do
  local list, least, most, size = KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2], ARGV[at + 3], tonumber(ARGV[at + 4])
  at = at + 4
  if call('ZCOUNT', list, least, most) > 0 then
    for i = at + 1, at + 3 * size, 3 do
      local created, id, op = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
      for _, other in ipairs(new[op] and call('ZRANGEBYSCORE', list, created, created) or {}) do
        local value = other ~= id and call('HGET', records, other)
        if value and sub(value, 17, 32) == created then
          return refuse('stale', 'op', op - 1 .. '')
        end
      end
    end
  end
  at = at + 3 * size
end

-- Entries: the first ones may be in the feed.
local feeded = at
local newest = call('ZREVRANGEBYSCORE', feed, '+inf', '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
local last = math.max(tonumber(newest or '0'), tonumber(trimmed))
local had, members = 0, {}
while had < entries and tonumber(ARGV[at + 2 * had + 1]) <= last do
  if tonumber(ARGV[at + 2 * had + 1]) <= tonumber(trimmed) then
    return refuse('stale', 'op', '-1')
  end
  had = had + 1
  members[had] = ARGV[at + 2 * had]
end
if had > 0 then
  local scores = call('ZMSCORE', feed, unpack(members))
  for i = 1, had do
    if not scores[i] then
      return refuse('stale', 'op', '-1')
    end
  end
end
at = at + 2 * entries

-- Unique keys, as in apply.lua.
local claimed = at
for from = 1, claims, piece do
  local to = math.min(from + piece - 1, claims)
  local holders = call('HMGET', unique, unpack(ARGV, claimed + from, claimed + to))
  for i = from, to do
    local holder = new[tonumber(ARGV[claimed + claims + i])] and holders[i - from + 1]
    local value = holder and call('HGET', records, holder)
    local unlisted = ARGV[claimed + 2 * claims + i]
    if value and (unlisted == '' or unlisted ~= sub(value, 1, 16) .. holder) then
      return refuse('taken', 'op', i - 1 .. '', holder, value)
    end
  end
end
at = at + 3 * claims

if dead then
  touch()
  return {'dead', nonce}
end

-- From here on nothing can fail; see apply.lua.
call('ZADD', tenants, '0', tenant)
highest = format('%016.0f', math.max(tonumber(highest), revision))
age(tonumber(highest))
keep({tonumber(highest) + 1, nonce}) -- no record says that this was done

-- pairs of arguments that a command gets, in pieces
local function flush(command, key, args)
  if #args > 0 then
    call(command, key, unpack(args))
  end
  return {}
end
local function add(command, key, args, a, b)
  args[#args + 1], args[#args + 2] = a, b
  return #args < piece and args or flush(command, key, args)
end

local args = {'', highest}
if moved then
  args[3], args[4] = '\253', moved
end
if tonumber(through) > tonumber(trimmed) then
  trimmed = through
  args[#args + 1], args[#args + 2] = '\255', trimmed
end
for i = 1, n do
  if new[i] then
    args = add('HSET', records, args, ARGV[ids + i], ARGV[values + i])
  end
end
flush('HSET', records, args)
args = {}
for i = had, entries - 1 do
  args = add('ZADD', feed, args, ARGV[feeded + 2 * i + 1], ARGV[feeded + 2 * i + 2])
end
args = flush('ZADD', feed, args)
for i = 1, claims do
  local op = tonumber(ARGV[claimed + claims + i])
  if new[op] then
    args = add('HSET', unique, args, ARGV[claimed + i], ARGV[ids + op])
  end
end
flush('HSET', unique, args)

if anyNew then -- what leads to the others is there too, and adding it changes nothing
  local place = listed
  for _ = 1, lists do
    local list, size = KEYS[tonumber(ARGV[place + 1])], tonumber(ARGV[place + 4])
    place, args = place + 4, {}
    for i = place + 1, place + 3 * size, 3 do
      args = add('ZADD', list, args, ARGV[i], ARGV[i + 1])
    end
    flush('ZADD', list, args)
    place = place + 3 * size
  end
  for _ = 1, sets do
    local set, size = KEYS[tonumber(ARGV[at + 1])], 2 * tonumber(ARGV[at + 2])
    at = at + 2
    for from = 1, size, piece do
      call('ZADD', set, unpack(ARGV, at + from, at + math.min(from + piece - 1, size)))
    end
    at = at + size
  end
  for _ = 1, queued do
    local first = call('ZRANGE', KEYS[tonumber(ARGV[at + 1])], 0, 0)
    call('ZADD', queue, sub(first[1], 1, 16), ARGV[at + 2])
    at = at + 2
  end
end
return {'done', nonce, call('ZCOUNT', feed, '-inf', trimmed) > 0 and 'more' or 'end'}
