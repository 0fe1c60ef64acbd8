-- claim: the quota's numbers become this worker's, or stay so.
--
-- KEYS[1]  the bucket
-- ARGV     numbers, worker, rate, burst, daily, lease (its length)
--
-- Answer: {word, theirs, by, left}
--   ours   the lease is renewed
--   other  workers with other numbers hold it, for left at least
--
-- It is one script because two workers with different files may start at once.
-- Repeated it renews.

local now = micros()
local lease = tonumber(ARGV[6])
local h = redis.call('HMGET', KEYS[1], 'numbers', 'by', 'lease')
local left = tonumber(h[3] or 0) - now
-- A lease that ends further ahead than leases last is from before the clock
-- went back.
if h[1] and h[1] ~= ARGV[1] and left > 0 and left <= lease then
  return {'other', h[1], h[2] or '', whole(left)}
end
redis.call('HSET', KEYS[1], 'numbers', ARGV[1], 'by', ARGV[2], 'lease', whole(now + lease),
  'rate', ARGV[3], 'burst', ARGV[4], 'daily', ARGV[5])
return {'ours', '', '', '0'}
