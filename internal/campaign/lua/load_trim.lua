-- load_trim.lua: removes chunks that an earlier, longer load left behind.
-- KEYS  1 the campaign's hash  2… chunks, up to the last one
-- ARGV  1 load token  2 how many chunks there are without these
-- answer 1, or 0 when the token no longer holds
-- Atomic for the reason of load_chunk.lua.
local has = redis.call('HMGET', KEYS[1], 'state', 'load_token')
if has[1] ~= 'loading' or has[2] ~= ARGV[1] then return 0 end
redis.call('DEL', unpack(KEYS, 2))
redis.call('HSET', KEYS[1], 'chunks', ARGV[2])
return 1
