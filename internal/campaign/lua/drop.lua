-- drop.lua: deletes entries of calls whose name is no row's.
-- KEYS  1 calls
-- ARGV  members
-- Answer how many there were.
return redis.call('HDEL', KEYS[1], unpack(ARGV))
