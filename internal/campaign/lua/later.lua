-- later.lua: the rows of later whose time has come, the longest due first.
-- KEYS  1 later
-- ARGV  1 how many at the most
-- Answer an array of members, CAMPAIGN#ROW GENERATION.
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(NOW), 'LIMIT', '0', ARGV[1])
