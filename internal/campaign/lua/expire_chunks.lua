#!lua flags=allow-oom
-- expire_chunks.lua: removes chunks of a roster after its retention.
-- KEYS  1 the campaign's hash  2… the chunks, none to end it
-- ARGV  1 generation
-- answer 1, or 0 when it is another campaign by now
-- Atomic for the reason of delete_chunks.lua.
local c = redis.call('HMGET', KEYS[1], 'generation', 'expired')
if c[1] ~= ARGV[1] or not c[2] then return 0 end
if #KEYS > 1 then
  redis.call('UNLINK', unpack(KEYS, 2))
else
  redis.call('HSET', KEYS[1], 'expired', 'ended')
end
return 1
