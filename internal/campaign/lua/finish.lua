-- finish.lua: makes a campaign done whose rows are final and whose day is over.
-- No row changes at midnight, so no other script would.
-- KEYS  1-4 as in transition.lua
-- ARGV  1-2 as in transition.lua
-- Answer 1 or 0.
if redis.call('HGET', CAMPAIGN, 'generation') ~= ARGV[2] then return 0 end
local done = end_campaign()
apply()
return done and 1 or 0
