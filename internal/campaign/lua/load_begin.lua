-- load_begin.lua: a load begins, or begins again over the keys of one that did
-- not end.
-- KEYS  1 the campaign's hash  2 campaigns
-- ARGV  1 id  2 load token  3 generation  4… the roster's key and the rules, as
--       fields and values
-- answer begun | there (loaded already) | deleting (a deletion did not end)
-- Atomic because of two loads at once the later one's token must hold, and the
-- earlier one's no more.
local state = redis.call('HGET', KEYS[1], 'state')
if redis.call('HEXISTS', KEYS[1], 'deleting') == 1 then return 'deleting' end
if state and state ~= 'loading' then return 'there' end

redis.call('HSETNX', KEYS[1], 'created_at', int(NOW_MS))
redis.call('HSET', KEYS[1], 'state', 'loading', 'load_token', ARGV[2], 'generation', ARGV[3], unpack(ARGV, 4))
redis.call('ZADD', KEYS[2], 'NX', int(NOW_MS), ARGV[1])
return 'begun'
