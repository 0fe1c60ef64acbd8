-- What the bucket's scripts share; it is put in front of each of them. All of
-- them touch one hash, KEYS[1] = rekey:{QUOTA}:bucket:
--
--   numbers by lease rate burst daily   the quota's numbers, and whose they are
--   tat seen          GCRA: when the bucket is full again; when it was last asked
--   from low top why  the curve on which the rate returns, since when, and why
--   cut               the last cut
--   block, block:POOL "END WHY": nothing for anybody, nothing for a pool
--   day used d:K      calls in 24 h, by slots of five minutes
--   m:K               calls and tokens given up in the last minute, by seconds
--
-- Times are microseconds of Redis's clock. They have sixteen digits, and Lua
-- turns numbers into strings with fourteen: everything that is stored or
-- answered goes through whole().

local FLOOR = 0.5 -- calls a second: what throttling leaves at the least

local function micros()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end

local function whole(x) return string.format('%.0f', x) end
local function exact(x) return string.format('%.17g', x) end

-- curve reads the curve. The function that it returns tells the rate at a time:
-- the configured one, or what the AWS SDK's cubic (C = 0.4) has come back to.
local function curve()
  local h = redis.call('HMGET', KEYS[1], 'rate', 'from', 'low', 'top')
  local rate, from, low, top = tonumber(h[1] or 0), tonumber(h[2] or 0), tonumber(h[3] or 0), tonumber(h[4] or 0)
  return function(t)
    if from == 0 then return rate end
    -- A start that lies ahead is a clock that went back: still at the bottom.
    local s = math.max(0, t - from) / 1000000
    local k = (math.max(0, top - low) / 0.4) ^ (1 / 3)
    return math.min(rate, math.max(math.min(FLOOR, rate), low, 0.4 * (s - k) ^ 3 + top))
  end, rate
end

-- slow begins a curve: down to low at once, and back past top.
local function slow(now, low, top, why)
  redis.call('HSET', KEYS[1], 'from', whole(now), 'low', exact(low), 'top', exact(top), 'why', why)
end

-- ends reads the end of a block's value; 0 without one.
local function ends(block)
  return block and tonumber(string.match(block, '^%d+')) or 0
end
