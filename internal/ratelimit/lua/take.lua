-- take: tokens for the waiters at the head of one worker's line.
--
-- KEYS[1]  the bucket
-- ARGV     numbers  the quota's numbers, as this worker's file has them
--          redis, connection  tokens given up since the last take, by reason
--          n        how many tokens at most
--          pool, count, ...   who waits: pools, and how many of each
--
-- Answer: {word, now, end, instants, blocks}
--   taken    instants are the tokens', in order, none before now
--   blocked  every pool that asked is blocked
--   hold     the quota is blocked until end
--   budget   the day's budget is spent until end
--   ahead    too much is reserved already: ask again at end
--   other    the bucket holds other numbers, or none
-- blocks: pool, end, ... of the pools that asked and are blocked; in every
-- answer but hold and other.
--
-- It is one script because the look at the blocks, the budget and the TAT, and
-- the step forward, must be one. Repeated (the first reply was lost) it takes
-- other tokens: the lost ones are gone, and the rate is never exceeded.

local AHEAD = 2000000 -- how far ahead a token may be reserved, or eight steps
local BATCH = 50000 -- what one script may take beside the head's token
local SLOT, SLOTS = 300000000, 289 -- 24 h in five-minute slots, and the current one

local function positive(x) return x and tonumber(x) or 0 end

-- pools adds up the waiters that may go on, and lists the blocks that stop the
-- others. A block that is over is removed here, by its first use after it.
local function pools(now)
  local want, blocks, over = 0, {}, false
  for i = 5, #ARGV, 2 do
    local field = 'block:' .. ARGV[i]
    local block = redis.call('HGET', KEYS[1], field)
    if ends(block) > now then
      blocks[#blocks + 1] = ARGV[i]
      blocks[#blocks + 1] = whole(ends(block))
    else
      want = want + tonumber(ARGV[i + 1])
      if block then
        redis.call('HDEL', KEYS[1], field)
        over = true
      end
    end
  end
  return math.min(want, tonumber(ARGV[4])), blocks, over
end

-- spent returns the calls of the last 24 h, and the slot to count in. Slots
-- that have left the 24 h are dropped. When the clock went back by less than a
-- day, time stands still until it has caught up.
local function spent(now, day, used)
  local slot = math.floor(now / SLOT)
  if not day then return 0, slot end
  if slot <= day and day - slot < SLOTS then return used, day end
  local old = {}
  for s = math.max(day + 1, slot - SLOTS + 1), slot do old[#old + 1] = 'd:' .. s % SLOTS end
  if #old > 0 then
    for _, n in ipairs(redis.call('HMGET', KEYS[1], unpack(old))) do used = used - positive(n) end
    redis.call('HDEL', KEYS[1], unpack(old))
  end
  redis.call('HSET', KEYS[1], 'day', whole(slot), 'used', whole(used))
  return used, slot
end

-- returns tells when the budget has something to give again: when the oldest
-- slot with calls in it leaves the 24 hours.
local function returns(slot)
  for s = slot - SLOTS + 1, slot do
    if positive(redis.call('HGET', KEYS[1], 'd:' .. s % SLOTS)) > 0 then return (s + SLOTS) * SLOT end
  end
  return (slot + 1) * SLOT
end

-- count adds to the second's field "SECOND TAKEN REDIS CONNECTION".
local function count(now, taken)
  local second = math.floor(now / 1000000)
  local field = 'm:' .. second % 61
  local sum = {taken, tonumber(ARGV[2]), tonumber(ARGV[3])}
  local at, a, b, c = string.match(redis.call('HGET', KEYS[1], field) or '', '^(%d+) (%d+) (%d+) (%d+)$')
  if at == whole(second) then sum = {sum[1] + a, sum[2] + b, sum[3] + c} end
  return field, whole(second) .. ' ' .. whole(sum[1]) .. ' ' .. whole(sum[2]) .. ' ' .. whole(sum[3])
end

local now = micros()
local h = redis.call('HMGET', KEYS[1], 'numbers', 'burst', 'daily', 'tat', 'seen', 'block', 'day', 'used', 'sent')
if h[1] ~= ARGV[1] then return {'other', whole(now), '0', {}, {}} end
if ends(h[6]) > now then return {'hold', whole(now), whole(ends(h[6])), {}, {}} end

local want, blocks, over = pools(now)
local rate_at, rate, step_at = curve()
local sent = positive(h[9])
if h[6] then
  redis.call('HDEL', KEYS[1], 'block')
  over = true
end
if over then
  tenth(now, rate_at, rate)
  rate_at, rate, step_at = curve()
  sent = 0
end
if want == 0 then return {'blocked', whole(now), '0', {}, blocks} end

local used, slot = spent(now, h[7] and tonumber(h[7]), positive(h[8]))
local daily = tonumber(h[3])
if daily > 0 then
  want = math.min(want, daily - used)
  if want <= 0 then return {'budget', whole(now), whole(returns(slot)), {}, blocks} end
end

-- When the clock went back, what was reserved lies as far ahead as before; what
-- lies further ahead than anybody could have reserved is taken for now.
local burst = math.max(1, tonumber(h[2]))
local tat, seen = tonumber(h[4] or now), tonumber(h[5] or now)
if now < seen then tat = tat - (seen - now) end
if tat - now > AHEAD + (8 + burst) * 1000000 / math.min(FLOOR, rate) then tat = now end

local instants = {}
while #instants < want do
  local from = math.max(now, tat)
  local step = step_at(from)
  -- While the rate is reduced there is no burst: it would be a second throttle.
  local slack = rate_at(from) < rate and 0 or (burst - 1) * step
  local at = math.max(now, tat - slack)
  local limit = now + math.max(AHEAD, 8 * step)
  if #instants == 0 and at > limit then
    return {'ahead', whole(now), whole(math.ceil(now + at - limit)), {}, blocks}
  end
  if #instants > 0 and at > now + BATCH then break end
  tat = math.max(tat, at) + step
  instants[#instants + 1] = whole(at)
end

local field, counts = count(now, #instants)
redis.call('HINCRBY', KEYS[1], 'd:' .. slot % SLOTS, #instants)
redis.call('HSET', KEYS[1], 'tat', whole(tat), 'seen', whole(now),
  'sent', whole(sent + #instants), 'day', whole(slot), 'used', whole(used + #instants), field, counts)
return {'taken', whole(now), '0', instants, blocks}
