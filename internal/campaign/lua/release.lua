-- release.lua: gives the feeder's lease back, if it is still the holder's.
-- KEYS  1 feeder
-- ARGV  1 holder
-- Answer 1 or 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
