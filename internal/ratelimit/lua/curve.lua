-- What the bucket's scripts share; it is put in front of each of them. All of
-- them touch one hash, KEYS[1] = rekey:{QUOTA}:bucket:
--
--   numbers by lease rate burst daily   the quota's numbers, and whose they are
--   tat seen          GCRA: when the bucket is full again; when it was last asked
--   slowed level why  when the rate was lowered last, to what, and why
--   sent              the tokens since then
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

-- How the rate returns, in seconds since it was lowered. First it dips, so that
-- the quota's own bucket fills a little: without that the next calls would be
-- one too many again. Then it keeps the level, and from HOLD on it looks for
-- more, in steps that grow, until at BACK it is the configured one.
--
-- BACK is what decides: every look that finds nothing costs the quota's other
-- users some calls, and a quota that was left by others is used BACK seconds
-- later at the latest. docs/rate.md has the figures.
local DIP, HOLD, BACK = 1, 6, 11

-- curve reads the curve. The functions that it returns tell the rate at a time,
-- and how long after a token of that time the next one may be.
local function curve()
  local h = redis.call('HMGET', KEYS[1], 'rate', 'slowed', 'level')
  local rate, slowed, level = tonumber(h[1] or 0), tonumber(h[2] or 0), tonumber(h[3] or 0)
  local least = math.min(FLOOR, rate)
  level = math.min(rate, math.max(least, level))
  local function rate_at(t)
    -- A start that lies ahead is a clock that went back: still at the bottom.
    local s = math.max(0, t - slowed) / 1000000
    if slowed == 0 or s >= BACK then return rate end
    if s < DIP then return math.max(least, level / 10) end
    return level + (rate - level) * (math.max(0, s - HOLD) / (BACK - HOLD)) ^ 2
  end
  -- A step out of the dip goes on at the level: it would else be ten times as
  -- long as it should be.
  local function step_at(t)
    local r, left = rate_at(t), slowed + DIP * 1000000 - t
    if left <= 0 or left >= 1000000 / r then return 1000000 / r end
    return left + (1000000 - left * r) / level
  end
  return rate_at, rate, step_at
end

-- slow lowers the rate.
local function slow(slowed, level, why)
  redis.call('HSET', KEYS[1], 'slowed', whole(slowed), 'level', exact(level), 'sent', '0', 'why', why)
end

-- tenth has the rate start at a tenth, after a time without calls: the quota's
-- own bucket is full, and no dip has to fill it.
local function tenth(now, rate_at, rate)
  slow(now - DIP * 1000000, math.min(rate_at(now), rate / 10), 'block')
end

-- ends reads the end of a block's value; 0 without one.
local function ends(block)
  return block and tonumber(string.match(block, '^%d+')) or 0
end
