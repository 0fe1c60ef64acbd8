-- load_end.lua: a load is complete, its campaign is a draft.
-- KEYS  1 the campaign's hash  2 its open chunks
-- ARGV  1 load token  2 total  3 chunks  4 a bit for each of them
--       5… what the load counted, as fields and values
-- answer 1, or 0 when the token no longer holds
-- Atomic because the counters must add up to the total from the first instant.
-- The token stays, so that a repeated command finds its own work done.
local has = redis.call('HMGET', KEYS[1], 'state', 'load_token', 'chunks')
if has[2] ~= ARGV[1] then return 0 end
if has[1] ~= 'loading' then return 1 end
if has[3] ~= ARGV[3] then return redis.error_reply('ERR there are ' .. tostring(has[3]) .. ' chunks and not ' .. ARGV[3]) end

redis.call('SET', KEYS[2], ARGV[4])
for _, name in pairs(NAMES) do redis.call('HSET', KEYS[1], name, '0') end
redis.call('HSET', KEYS[1], 'state', 'draft', 'total', ARGV[2], 'planned', ARGV[2], 'cursor', '0', unpack(ARGV, 5))
return 1
