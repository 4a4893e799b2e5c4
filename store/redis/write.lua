-- What the scripts that write have in common; this stands in front of each of them.
-- Everything is checked before anything is written, because Redis does not undo a script
-- that fails half way. An answer has a status and the nonce in front: the text of a write
-- that was done, else a flat array of strings. Numbers are strings of digits, since tostring
-- would round large ones.
--
-- KEYS begin with records, unique keys, feed, kinds, nonces and tenants; ARGV with the
-- tenant, the nonce, the mark of a repetition, and flags.
local call, sub, format = redis.call, string.sub, string.format
local records, unique, feed = KEYS[1], KEYS[2], KEYS[3]
local kinds, nonces, tenants = KEYS[4], KEYS[5], KEYS[6]
local tenant, nonce, again = ARGV[1], ARGV[2], ARGV[3]
local twice, frees, waits = string.byte(ARGV[4], 1, 3) -- 49 is '1'

-- What is known of earlier attempts: the revision of the one that was done, and whether one
-- was refused. A late one may read then but must not write.
local known = call('ZMSCORE', nonces, nonce, '-' .. nonce)
local dead = known[2]

-- A server whose memory is full refuses a script at its first write, if that may need
-- memory, and only there. A batch that frees memory must not be refused, so it begins
-- with a write that needs none: no record has an ID with this byte.
local function free()
  call('HDEL', records, '\254')
end

-- A client that waits for replicas needs a write of its own connection.
local function touch()
  if waits == 49 then
    free()
    call('ZADD', nonces, 0, '')
    call('ZREM', nonces, '')
  end
end

-- The counter is the record with the empty ID. The mark says which revisions are older than
-- a minute: those up to safe. It also has a time, and the last revision then. When that is
-- a minute ago, it becomes safe.
local revision, mark, safe -- which each script sets
local moved -- the new mark
local function age(latest)
  local now, past = tonumber(call('TIME')[1]), mark and tonumber(sub(mark, 33))
  if not past or now < past or now > past + 60 then
    if past and now > past then
      safe = tonumber(sub(mark, 17, 32)) or 0
    end
    moved = format('%016.0f%016.0f%.0f', safe, latest, now)
  end
end

-- keep adds nonces, each behind the revision from which on it is no longer needed when all
-- up to that are safe. Of those that are not needed it removes more than it adds.
local function keep(entries)
  call('ZADD', nonces, unpack(entries))
  call('PEXPIRE', nonces, 60000)
  local old = call('ZCOUNT', nonces, '-inf', safe)
  if old > 0 then
    call('ZREMRANGEBYRANK', nonces, 0, math.min(old, #entries) - 1)
  end
end

local function refuse(status, ...)
  if again == '1' then -- an earlier attempt may be late
    age(revision)
    if moved and revision > 0 then
      call('HSET', records, '\253', moved)
    end
    keep({revision + 1, '-' .. nonce})
  end
  touch()
  return {status, nonce, ...}
end

-- broken reports whether a record is not as it was written; see codec.go.
local function broken(id, value)
  local front, body = sub(value, 1, 48), sub(value, 65)
  return string.find(front, '%D') or #body < 33 or sub(body, 1, 1) ~= '\1'
    or tonumber(sub(front, 1, 16)) - tonumber(sub(front, 17, 32)) ~= tonumber(sub(front, 33))
    or sub(redis.sha1hex(#tenant .. ':' .. tenant .. #id .. ':' .. id .. body), 1, 16) ~= sub(value, 49, 64)
end

-- Lua's stack holds some thousand arguments, so long lists go in pieces.
local piece = 1000
