-- unlisted.lua: how many calls of a campaign are in flight and not in calls.
-- KEYS  1 the campaign's hash  2 calls
-- ARGV  1 campaign  2 generation
-- Answer their number; 0 also for another generation.
-- Atomic because every moment begins and ends calls, and a difference must mean
-- that entries were lost.
local c = redis.call('HMGET', KEYS[1], 'generation', 'calling')
if c[1] ~= ARGV[2] then return 0 end
local entries, listed = redis.call('HGETALL', KEYS[2]), 0
local from, generation = ARGV[1] .. '#', ' ' .. ARGV[2]
for i = 1, #entries, 2 do
  local name = entries[i]
  if string.sub(name, 1, #from) == from and string.sub(name, -#generation) == generation then
    listed = listed + 1
  end
end
return (tonumber(c[2]) or 0) - listed
