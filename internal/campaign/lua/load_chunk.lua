-- load_chunk.lua: one chunk of the roster, written by the load that holds the
-- token.
-- KEYS  1 the campaign's hash  2 the chunk
-- ARGV  1 load token  2 the chunk's number  3 the chunk
-- answer 1, or 0 when the token no longer holds
-- Atomic because a load that was overtaken may wake up between a look at the
-- token and the write, and would put its chunk into another file's roster. The
-- field chunks remembers how far any load came, so that the end can remove what
-- is beyond it.
local has = redis.call('HMGET', KEYS[1], 'state', 'load_token', 'chunks')
if has[1] ~= 'loading' or has[2] ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[3])
if tonumber(has[3] or '0') <= tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'chunks', int(ARGV[2] + 1))
end
return 1
