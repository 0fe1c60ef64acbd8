#!lua flags=allow-oom
-- lost.lua: declares a mark in doubt whose call was not answered in time.
-- KEYS  1-8 as in transition.lua
-- ARGV  1-3 as in transition.lua  4 busy (ms)  5 a code's life (ms)
--       6 attempts at which a doubt is parked
-- Answer doubt, parked, or other: the mark is younger, or gone.
-- Atomic because its owner may settle it at this very moment.
local row = tonumber(ARGV[3])

local call = call_in(CALLS, row)
if call and NOW_MS < call.mark + tonumber(ARGV[4]) then return 'other' end
local c = redis.call('HMGET', CAMPAIGN, 'generation', 'on_doubt')
local old = read(row)
if c[1] ~= ARGV[2] or old.state ~= CALLING then
  redis.call('HDEL', CALLS, member(row)) -- of a campaign that was deleted
  return 'other'
end
-- An entry that rekey did not write says nothing of the mark; the record does.
call = call or {token = '-', mark = old.time * 1000}
if NOW_MS < call.mark + tonumber(ARGV[4]) then return 'other' end
local rules = {cause = CAUSE_LOST, life = tonumber(ARGV[5]), limit = tonumber(ARGV[6]), park = c[2] == 'park'}
local new = doubt(row, old, call, rules)
commit()
return new.state == PARKED and 'parked' or 'doubt'
