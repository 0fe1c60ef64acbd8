-- unclaim.lua: an id is free again, if its claim is still the one that was seen.
-- KEYS  1 ids
-- ARGV  1 id  2 the claim that was seen
-- answer 1, or 0 for another claim
-- Atomic because the same id may be claimed anew between a look and a removal.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
