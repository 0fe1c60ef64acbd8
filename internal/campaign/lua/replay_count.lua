-- replay_count.lua: how many dead letters a replay would move, and may it?
-- KEYS  1 the campaign's hash
-- ARGV  1 the number to confirm  2 states, such as dead,parked
--       3 causes, such as 11,12, or '' for all
-- answer {what, state, n, generation, now (s)}. What: go  unknown  state (does
--       not allow it)  expired (nobody knows any more who the rows are)
--       confirm (n: the right number)
-- Atomic because the number must be of the same instant as the state.
local MAY = {running = true, paused = true, halted = true, done = true}

local c = redis.call('HMGET', KEYS[1], 'state', 'generation', 'expired')
if not c[1] then return {'unknown', '', 0, '', NOW} end
if not MAY[c[1]] then return {'state', c[1], 0, '', NOW} end
if c[3] then return {'expired', c[1], 0, '', NOW} end

local n = 0
local function add(field) n = n + (tonumber(redis.call('HGET', KEYS[1], field)) or 0) end
for state in string.gmatch(ARGV[2], '%a+') do
  if ARGV[3] == '' then add(state) end
  for cause in string.gmatch(ARGV[3], '%d+') do add('k:' .. state .. ':' .. cause) end
end
return {n == tonumber(ARGV[1]) and 'go' or 'confirm', c[1], n, c[2], NOW}
