#!lua flags=allow-oom
-- bury.lua: ends a row without a call, because it cannot be read.
-- KEYS  1-8 as in transition.lua
-- ARGV  1-3 as in transition.lua  4 cause  5 sample
-- Answer buried; other (it is calling, or final); gone. A row whose record is
-- damaged is buried unless calls has it: its call ends it then.
local row, cause = tonumber(ARGV[3]), tonumber(ARGV[4])
local c = redis.call('HMGET', CAMPAIGN, 'generation', 'total')
if c[1] ~= ARGV[2] or row >= tonumber(c[2]) then return 'gone' end
local old = read(row)
if old.state == CALLING or FINAL[old.state] and not old.damaged then return 'other' end
-- It was mended since it was seen to be damaged.
if cause == CAUSE_LEDGER_DAMAGED and not old.damaged then return 'other' end
-- A doubt may have been sent: it becomes a dead letter that still says so. So
-- may a row of which nobody knows what it was.
local doubtful = old.state == IN_DOUBT or old.damaged
transition(row, old, becomes(old, doubtful and PARKED or DEAD, cause))
if ARGV[5] ~= '' then write('HSET', CAMPAIGN, 'sample:' .. int(cause), ARGV[5]) end
commit()
return 'buried'
