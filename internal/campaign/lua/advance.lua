-- advance.lua: moves a campaign's cursor, unless another feeder has.
-- KEYS  1 the campaign's hash
-- ARGV  1 campaign  2 generation  3 from  4 to
-- Answer 1 or 0.
local c = redis.call('HMGET', CAMPAIGN, 'generation', 'cursor')
if c[1] ~= ARGV[2] or (c[2] or '0') ~= ARGV[3] then return 0 end
redis.call('HSET', CAMPAIGN, 'cursor', ARGV[4])
return 1
