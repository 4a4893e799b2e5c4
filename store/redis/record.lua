-- Whether records are found by all that they should be. KEYS are records, unique keys, and
-- the sorted sets that ARGV refers to by their place. ARGV are the tenant, '1' to mend, and
-- for each record its ID, its revisions as they were read, its unique keys, and its entries:
-- set, member, score. The reply has a text for each record: 'changed' if it was written
-- since, else a digit for each key and entry: 0 if it is there, 1 if not, 2 if mended.
local reply, mend = {'records', ARGV[1]}, ARGV[2] == '1'
local at = 2
local function key(id, field)
  local holder = redis.call('HGET', KEYS[2], field)
  if holder == id then
    return '0'
  elseif not mend or holder and redis.call('HGET', KEYS[1], holder) then
    return '1'
  end
  redis.call('HSET', KEYS[2], field, id)
  return '2'
end
local function entry(set, member, score)
  local found = redis.call('ZMSCORE', set, member)[1]
  if found and tonumber(found) == tonumber(score) then
    return '0'
  elseif not mend then
    return '1'
  end
  redis.call('ZADD', set, score, member)
  return '2'
end
while at < #ARGV do
  local id, front, keys, entries = ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  at = at + 4
  local value, result = redis.call('HGET', KEYS[1], id), {}
  if not value or string.sub(value, 1, 48) ~= front then
    result[1] = 'changed'
  else
    for i = 1, keys do
      result[i] = key(id, ARGV[at + i])
    end
    for i = at + keys + 1, at + keys + 3 * entries, 3 do
      result[#result + 1] = entry(KEYS[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 2])
    end
  end
  at = at + keys + 3 * entries
  reply[#reply + 1] = table.concat(result)
end
return reply
