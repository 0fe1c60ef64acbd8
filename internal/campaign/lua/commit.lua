-- commit.lua: what the transitions of a script mean for their campaign: its
-- counters, its chunk, its end, its guard. It stands behind transition.lua in
-- every script; script.go puts it there.

-- left_of_total is a state's counter that cannot be read: they add up to the total.
local function left_of_total(field)
  local left, is_state = tonumber(redis.call('HGET', CAMPAIGN, 'total')) or 0, false
  for _, name in pairs(NAMES) do
    if name == field then
      is_state = true
    else
      left = left - (tonumber(redis.call('HGET', CAMPAIGN, name)) or 0)
    end
  end
  return is_state and math.max(left, 0) or 0
end

-- number_in reads a counter's value. One that Redis cannot count on from, such as
-- 060, was written by something else: the next transition writes it anew.
local function number_in(field, value)
  if not value then return 0 end
  if #value <= 16 and string.match(value, '^%-?%d+$') then return tonumber(value) end
  return left_of_total(field)
end

-- will_be is a counter as it is after the transitions.
local function will_be(field)
  return number_in(field, redis.call('HGET', CAMPAIGN, field)) + (deltas[field] or 0)
end

local function count_up()
  for field, n in pairs(deltas) do
    if n ~= 0 and counts(redis.call('HGET', CAMPAIGN, field)) then
      write('HINCRBY', CAMPAIGN, field, int(n))
    elseif n ~= 0 then
      write('HSET', CAMPAIGN, field, int(will_be(field)))
    end
  end
end

-- close_chunk counts the chunk's final rows and clears its bit with the last.
local function close_chunk()
  local total = tonumber(redis.call('HGET', CAMPAIGN, 'total'))
  local hi, lo = string.byte(redis.call('GETRANGE', LEDGER, int(RECORDS), int(RECORDS + 1)), 1, 2)
  local rows = math.min(CHUNK_ROWS, total - chunk * CHUNK_ROWS)
  -- Of a damaged chunk the count may be missing, or any number.
  local n = math.max(0, math.min((hi or 0) * 256 + (lo or 0) + finals, rows))
  write('SETRANGE', LEDGER, int(RECORDS), string.char(math.floor(n / 256), n % 256))
  write('SETBIT', OPEN, int(chunk), n < rows and '1' or '0')
end

-- even_out: with every row final no other counter has one. After a record that
-- was damaged beyond telling what it was, one may be short and another over.
local function even_out()
  local hash = redis.call('HGETALL', CAMPAIGN) -- a right that every user has
  for i = 1, #hash, 2 do
    local field = hash[i]
    local state = string.match(field, '^k:([a-z_]+):') or field
    if state == 'planned' or state == 'calling' or state == 'waiting' or state == 'in_doubt' then
      write('HSET', CAMPAIGN, field, '0')
    end
  end
end

-- end_campaign makes it done when its last row is final. A standing campaign
-- still takes rows until its day is over; standing is that second.
local function end_campaign()
  local c = redis.call('HMGET', CAMPAIGN, 'state', 'total', 'standing', 'damaged')
  local rows = will_be('accepted') + will_be('dead') + will_be('skipped') + will_be('parked')
  local can = c[1] == 'running' or c[1] == 'paused' or c[1] == 'halted'
  if not can or rows ~= tonumber(c[2]) or NOW < (tonumber(c[3]) or 0) then return false end
  write('HSET', CAMPAIGN, 'state', 'done', 'ended_at', int(NOW_MS), 'reason', '', 'next', '')
  if c[4] or deltas.damaged then even_out() end
  return true
end

local function dead_in(rows)
  local _, n = string.gsub(rows, '1', '')
  return n
end

-- guard_says returns why the campaign must halt, or nil.
local function guard_says(rows, permille)
  local dead, last = dead_in(rows), dead_in(string.sub(rows, -20))
  if #rows >= 200 and dead * 1000 > permille * #rows then
    return string.format('%d of the last %d final rows are dead; the guard is %g%%', dead, #rows, permille / 10)
  end
  if last >= 15 then
    return string.format('%d of the last %d final rows are dead', last, math.min(#rows, 20))
  end
end

-- guard looks at the last 500 final rows and halts the campaign.
local function guard()
  local c = redis.call('HMGET', CAMPAIGN, 'guard', 'window', 'state')
  local permille = tonumber(c[1]) or 0
  if permille == 0 then return nil end
  local rows = string.sub((c[2] or '') .. window, -500)
  write('HSET', CAMPAIGN, 'window', rows)
  local reason = guard_says(rows, permille)
  if not reason or c[3] ~= 'running' then return nil end
  local next = 'look at  campaign report ' .. ARGV[1] .. ' --state dead ; then resume or cancel'
  write('HSET', CAMPAIGN, 'state', 'halted', 'reason', reason, 'next', next)
  return {reason = reason, next = next}
end

-- commit writes what the transitions have gathered. It answers whether the
-- campaign is done with it, and the guard's halt.
local function commit()
  count_up()
  if finals ~= 0 then close_chunk() end
  local done, halted = ended and end_campaign(), nil
  if not done and window ~= '' then halted = guard() end
  apply()
  return done, halted
end
