-- Whether an entry leads to a record that is not found by it. KEYS are the hash of unique
-- keys or a sorted set, the records, and the queue. ARGV are the tenant, 'hash' or 'zset',
-- the field or member, what it has there, the ID of the record, the record's revisions as
-- they were read ('' for none), '1' to mend, and the member of the queue if the set is one
-- by Due. A record or entry that has changed since is for the client to look at again.
local kind, entry, want, id = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local found
if kind == 'hash' then
  found = redis.call('HGET', KEYS[1], entry) == want
else
  local score = redis.call('ZMSCORE', KEYS[1], entry)[1]
  found = score and tonumber(score) == tonumber(want)
end
if not found then
  return {'gone', ARGV[1]}
end
if string.sub(redis.call('HGET', KEYS[2], id) or '', 1, 48) ~= ARGV[6] then
  return {'changed', ARGV[1]}
end
if ARGV[7] == '1' then
  redis.call(kind == 'hash' and 'HDEL' or 'ZREM', KEYS[1], entry)
  if ARGV[8] ~= '' then
    local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
    if first then
      redis.call('ZADD', KEYS[3], string.sub(first, 1, 16), ARGV[8])
    else
      redis.call('ZREM', KEYS[3], ARGV[8])
    end
  end
end
return {'stray', ARGV[1]}
