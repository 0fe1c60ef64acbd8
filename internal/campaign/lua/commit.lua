-- commit.lua: what the transitions of a script mean for their campaign: its
-- counters, its chunk, its end, its guard. It stands behind transition.lua in
-- every script; script.go puts it there.

-- field is a field of the campaign's hash. Nothing is written before apply(), so one
-- look at each is enough, and at those that are always needed at once.
local OFTEN = {'state', 'total', 'standing', 'damaged', 'planned', 'calling', 'waiting', 'accepted', 'dead', 'in_doubt', 'parked', 'skipped'}
local looked, known = false, {}
local function field(name)
  if not looked then
    looked = true
    local values = redis.call('HMGET', CAMPAIGN, unpack(OFTEN))
    for i, often in ipairs(OFTEN) do known[often] = values[i] end
  end
  if known[name] == nil then known[name] = redis.call('HGET', CAMPAIGN, name) end
  return known[name]
end

-- left_of_total is a state's counter that cannot be read: they add up to the total.
local function left_of_total(counter)
  local left, is_state = tonumber(field('total')) or 0, false
  for _, name in pairs(NAMES) do
    if name == counter then
      is_state = true
    else
      left = left - (tonumber(field(name)) or 0)
    end
  end
  return is_state and math.max(left, 0) or 0
end

-- number_in reads a counter's value. One that Redis cannot count on from, such as
-- 060, was written by something else: the next transition writes it anew.
local function number_in(counter)
  local value = field(counter)
  if not value then return 0 end
  if #value <= 16 and string.match(value, '^%-?%d+$') then return tonumber(value) end
  return left_of_total(counter)
end

-- will_be is a counter as it is after the transitions.
local function will_be(counter) return number_in(counter) + (deltas[counter] or 0) end

-- is_damaged: a record of it was; then its counters are right in their sum alone.
local function is_damaged() return deltas.damaged or field('damaged') end

-- uneven reports whether a state has fewer rows than leave it: the ledger is not
-- the one that was counted.
local function uneven()
  for _, name in pairs(NAMES) do
    if (deltas[name] or 0) < 0 and will_be(name) < 0 then return not is_damaged() end
  end
  return false
end

-- make_up: a row whose record was lost was taken off a counter that it was not in.
-- That one is found short later, and another is over: one of those that are not
-- final either, or else one that is.
local function make_up()
  for _, name in pairs(NAMES) do
    local short = (deltas[name] or 0) < 0 and math.max(-will_be(name), 0) or 0
    for _, from in ipairs({'planned', 'waiting', 'in_doubt', 'accepted', 'skipped', 'dead', 'parked'}) do
      local n = math.min(short, math.max(will_be(from), 0))
      count(name, n)
      count(from, -n)
      short = short - n
    end
  end
end

local function count_up()
  if is_damaged() then make_up() end
  for counter, n in pairs(deltas) do
    if n ~= 0 and counts(field(counter)) then
      write('HINCRBY', CAMPAIGN, counter, int(n))
    elseif n ~= 0 then
      write('HSET', CAMPAIGN, counter, int(will_be(counter)))
    end
  end
end

-- closed is the chunk that this script closes, if it does.
local closed

-- close_chunk writes how many of the chunk's rows are final, and clears its bit
-- with the last.
local function close_chunk(n)
  refill(chunk)
  local total = tonumber(field('total'))
  local rows = math.min(CHUNK_ROWS, total - chunk * CHUNK_ROWS)
  -- Of a damaged chunk the count may be any number.
  n = math.max(0, math.min(n, rows))
  write('SETRANGE', LEDGER, int(RECORDS), string.char(math.floor(n / 256), n % 256))
  write('SETBIT', OPEN, int(chunk), n < rows and '1' or '0')
  if n == rows then closed = chunk end
end

-- all_closed: no chunk has a row to do, but perhaps the one that is closed now.
local function all_closed()
  local open, at = redis.call('GETRANGE', OPEN, '0', '-1'), 0
  while true do
    at = string.find(open, '[^%z]', at + 1)
    if not at then return true end
    local only = closed and at == math.floor(closed / 8) + 1 and string.byte(open, at) == 2 ^ (7 - closed % 8)
    if not only then return false end
  end
end

-- even_out: with every row final no other counter has one. After a record that
-- was damaged beyond telling what it was, one may be short and another over.
local function even_out()
  local hash = redis.call('HGETALL', CAMPAIGN) -- a right that every user has
  for i = 1, #hash, 2 do
    local counter = hash[i]
    local state = string.match(counter, '^k:([a-z_]+):') or counter
    if state == 'planned' or state == 'calling' or state == 'waiting' or state == 'in_doubt' then
      write('HSET', CAMPAIGN, counter, '0')
    end
  end
end

-- end_campaign makes it done when its last row is final: by its counters and by
-- its chunks, since an older copy of one brings rows back. A standing campaign
-- still takes rows until its day is over; standing is that second.
local function end_campaign()
  local state = field('state')
  local rows = will_be('accepted') + will_be('dead') + will_be('skipped') + will_be('parked')
  local can = state == 'running' or state == 'paused' or state == 'halted'
  if not can or rows ~= tonumber(field('total')) or NOW < (tonumber(field('standing')) or 0) or not all_closed() then return false end
  write('HSET', CAMPAIGN, 'state', 'done', 'ended_at', int(NOW_MS), 'reason', '', 'next', '')
  if is_damaged() then even_out() end
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

-- halt_uneven: each such row may be called twice, and others never.
local function halt_uneven()
  if field('state') ~= 'running' then return nil end
  local halted = {
    reason = 'its ledger has rows that its counters have not: an older copy of a part of it was put back, so users may be called twice',
    next = 'cancel it; once a code\'s life is over, load the users who still need a code under another id',
  }
  write('HSET', CAMPAIGN, 'state', 'halted', 'reason', halted.reason, 'next', halted.next)
  return halted
end

-- commit writes what the transitions have gathered. It answers whether the
-- campaign is done with it, and the guard's halt.
local function commit()
  local amiss = uneven()
  count_up()
  if finals ~= 0 then close_chunk(finals_of(chunk) + finals) end
  local done, halted = ended and end_campaign(), nil
  if not done and window ~= '' then halted = guard() end
  if not done and amiss then halted = halt_uneven() or halted end
  apply()
  return done, halted
end
