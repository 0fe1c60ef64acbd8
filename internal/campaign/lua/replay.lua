-- replay.lua: dead letters of one chunk stand in line again, from now on and
-- with no attempts. Their live keys are not touched: who holds a live code
-- waits for its end.
-- KEYS  1-4 as in transition.lua  5 walk
-- ARGV  1-2 as in transition.lua  3 the chunk's first row  4 rows at most
--       5 the time of the confirmation (s): who died later was not confirmed
--       6 states, such as dead,parked  7 causes, such as 11,12, or '' for all
-- answer how many were moved, -1 when the campaign is gone, or its state no
--       longer allows it
-- Atomic because a late answer may move the same row, and because a done
-- campaign must run from the first row on.
local MAY = {running = true, paused = true, halted = true, done = true}
local first, budget, confirmed = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local c = redis.call('HMGET', CAMPAIGN, 'generation', 'state', 'expired')
if c[1] ~= ARGV[2] or not MAY[c[2]] or c[3] then return -1 end

local states, causes = {}, ARGV[7] ~= '' and {} or nil
for state in string.gmatch(ARGV[6], '%a+') do states[state] = true end
for cause in string.gmatch(ARGV[7], '%d+') do causes[tonumber(cause)] = true end
local function wanted(r)
  return states[NAMES[r.state]] and r.time <= confirmed and (not causes or causes[r.cause])
end

local held, moved = redis.call('GET', LEDGER) or '', 0
for slot = 0, math.floor(math.min(#held, RECORDS) / RECORD) - 1 do
  local old = decode(held, slot)
  if moved == budget then break end
  if wanted(old) then
    local new = becomes(old, WAITING, old.cause)
    new.attempts = 0
    transition(first + slot, old, new)
    moved = moved + 1
  end
end
if moved == 0 then return 0 end
if c[2] == 'done' then
  write('HSET', CAMPAIGN, 'state', 'running')
  write('HDEL', CAMPAIGN, 'ended_at')
end
write('INCR', KEYS[5])
commit()
return moved
