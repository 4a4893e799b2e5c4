-- Some IDs of records. KEYS are records, ARGV the tenant, a cursor of HSCAN, and about how
-- many. The reply has the next cursor and how many bytes the records have.
local scanned = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local reply, size = {'ids', ARGV[1], scanned[1], ''}, 0
for i = 1, #scanned[2], 2 do
  local id = scanned[2][i]
  size = size + #scanned[2][i + 1]
  if id ~= '' and id ~= '\253' and id ~= '\255' then
    reply[#reply + 1] = id
  end
end
reply[4] = size .. ''
return reply
