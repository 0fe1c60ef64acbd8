#!lua flags=allow-oom
-- expire_begin.lua: a campaign that ended long ago is about to lose its roster.
-- KEYS  1 the campaign's hash
-- ARGV  1 generation  2 retention (ms)
-- answer 1, or 0 when it has not ended long enough ago, or is another one
-- Atomic because a replay may let it run again between look and mark.
local c = redis.call('HMGET', KEYS[1], 'state', 'generation', 'ended_at')
if c[2] ~= ARGV[1] or c[1] ~= 'done' and c[1] ~= 'cancelled' then return 0 end
if NOW_MS < (tonumber(c[3]) or NOW_MS) + ARGV[2] then return 0 end
redis.call('HSETNX', KEYS[1], 'expired', 'begun')
return 1
