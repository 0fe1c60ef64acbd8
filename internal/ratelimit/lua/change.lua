-- change: blocks and cuts.
--
-- KEYS[1]  the bucket
-- ARGV     'cut', taken          a token that was taken then has met a throttle
--          'block', field, length, why   field is block or block:POOL
--          'unblock', field
--          'returned', span   a worker tries again that could reach nobody
--
-- Answer: {word, end}
--   cut        the rate is lowered
--   known      the congestion has been answered already, others have called, or
--              nobody holds the bucket
--   blocked    until end
--   unblocked  there is no block now
--   low        hardly anybody has called in that span: the rate starts at a tenth
--
-- It is one script because fifty workers may report one congestion at once.
-- Repeated it changes nothing: the first cut is newer than the token, and a
-- block is only ever moved by the length of the repetition.

local now = micros()

-- What a throttle teaches about the room that the quota's other users leave.
-- At both ends of the time between two throttles the quota's bucket was empty:
-- all that came into it meanwhile has been used, and what we used of that is the
-- room, whatever the rate was at which it was used. The level is a fifth below
-- it, since the look for more uses what the level leaves.
--
-- A throttle when the dip is hardly over has another lesson: the level is far
-- too high. And after a time at the configured rate the bucket was full for who
-- knows how long: nothing is known but that this rate is too much.
local function learned(rate_at)
  local h = redis.call('HMGET', KEYS[1], 'slowed', 'level', 'sent')
  local slowed, level, sent = tonumber(h[1] or 0), tonumber(h[2] or 0), tonumber(h[3] or 0)
  local s = math.max(0, now - slowed) / 1000000
  if slowed == 0 or s >= BACK + 1 then return 0.65 * rate_at(now) end
  if s < DIP + 1 then return level / 2 end
  return 0.8 * math.min(rate_at(now), sent / s)
end

-- A token that was taken before the last cut has gone out at the rate that was
-- cut. A cut that lies ahead is from before the clock went back: it is no cut.
local function cut(taken)
  local last = tonumber(redis.call('HGET', KEYS[1], 'cut') or 0)
  local rate_at, rate = curve()
  if rate <= 0 or (taken <= last and last <= now) then return {'known', '0'} end
  slow(now, math.max(math.min(FLOOR, rate), learned(rate_at)), 'throttled')
  redis.call('HSET', KEYS[1], 'cut', whole(now))
  return {'cut', '0'}
end

-- A pool's blocks are set by machines, for different reasons: the one that ends
-- last stands. The quota's own is an operator's, and the last word holds.
local function block(field, length, why)
  local till, old = now + length, redis.call('HGET', KEYS[1], field)
  if field ~= 'block' and ends(old) > till then return {'blocked', whole(ends(old))} end
  redis.call('HSET', KEYS[1], field, whole(till) .. ' ' .. why)
  return {'blocked', whole(till)}
end

-- The field stays: the take that finds it over starts the rate at a tenth.
local function unblock(field)
  local old = redis.call('HGET', KEYS[1], field)
  if ends(old) > now then redis.call('HSET', KEYS[1], field, whole(now) .. ' ended') end
  return {'unblocked', '0'}
end

-- taken counts the tokens of the seconds after from.
local function taken(from)
  local sum = 0
  for second = math.floor(from / 1000000) + 1, math.floor(now / 1000000) do
    local at, n = string.match(redis.call('HGET', KEYS[1], 'm:' .. second % 61) or '', '^(%d+) (%d+)')
    if at == whole(second) then sum = sum + n end
  end
  return sum
end

-- If the others called meanwhile, the fault was that worker's own. If nobody
-- did, it was everybody's, and what comes back is not met with everything at
-- once. A twentieth of the rate is the first calls of those who are back already.
local function returned(span)
  local rate_at, rate = curve()
  if rate <= 0 or taken(now - span) > rate * span / 1000000 / 20 then return {'known', '0'} end
  tenth(now, rate_at, rate)
  return {'low', '0'}
end

if ARGV[1] == 'cut' then return cut(tonumber(ARGV[2])) end
if ARGV[1] == 'block' then return block(ARGV[2], tonumber(ARGV[3]), ARGV[4]) end
if ARGV[1] == 'unblock' then return unblock(ARGV[2]) end
if ARGV[1] == 'returned' then return returned(tonumber(ARGV[2])) end
return redis.error_reply('ERR change: no such word: ' .. ARGV[1])
