#!lua flags=allow-oom
-- delete_end.lua: the campaign is gone.
-- KEYS  1 the campaign's hash  2 its open chunks  3 campaigns
-- ARGV  1 the deletion's token  2 id
-- answer 1, or 0 when another deletion has taken over, or has ended
-- Atomic for the reason of delete_chunks.lua.
if redis.call('HGET', KEYS[1], 'deleting') ~= ARGV[1] then return 0 end
write('DEL', KEYS[1], KEYS[2])
write('ZREM', KEYS[3], ARGV[2])
apply()
return 1
