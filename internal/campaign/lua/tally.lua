-- tally.lua: counts the final rows of a chunk anew, by its records.
-- KEYS  1-4 as in transition.lua
-- ARGV  1-2 as in transition.lua  3 the chunk's number
-- Answer 1 if that closed the chunk, else 0.
-- Atomic because a row may become final between the count and the write.
if redis.call('HGET', CAMPAIGN, 'generation') ~= ARGV[2] then return 0 end
chunk = tonumber(ARGV[3])
local held = redis.call('GET', LEDGER) or ''
if #held < RECORDS then return 0 end
close_chunk(finals_in(held))
end_campaign()
apply()
return closed and 1 or 0
