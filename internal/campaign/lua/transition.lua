-- transition.lua: the one way in which a row changes. It stands in front of
-- every script of this package, between writes.lua and commit.lua; script.go puts
-- it there.
--
-- A script that moves rows has, in this order,
--   KEYS  1 the campaign's hash  2 its open chunks  3 the chunk's ledger  4 later
--   ARGV  1 campaign  2 generation
-- A script about a single row has also
--   KEYS  5 calls  6 doubts  7 halt  8 misconfigured
--   ARGV  3 row
-- It may move rows of that one chunk: read(), then transition() for each, then
-- commit() once, last: it alone writes. Other scripts use NOW, NOW_MS and, if they
-- write more than once, write() and apply().
--
-- A record whose state is none is damaged, and so is one that its chunk does not
-- reach: the first transition makes a chunk as long as it ever is. read() gives it
-- the state that it must have been counted as, and old.damaged; the next transition
-- writes a whole one.
--
-- Atomic because the record, the counters that add up to the total, the chunk's
-- bit, later and the campaign's end must never be seen apart.
local CAMPAIGN, OPEN, LEDGER, LATER = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local CALLS, DOUBTS, HALT, MISCONFIGURED = KEYS[5], KEYS[6], KEYS[7], KEYS[8]

local PLANNED, CALLING, WAITING, ACCEPTED, DEAD, IN_DOUBT, PARKED, SKIPPED = 0, 1, 2, 3, 4, 5, 6, 7
local NAMES = {[0] = 'planned', 'calling', 'waiting', 'accepted', 'dead', 'in_doubt', 'parked', 'skipped'}
local FINAL = {[ACCEPTED] = true, [DEAD] = true, [PARKED] = true, [SKIPPED] = true}
-- The states whose rows are counted by cause, as k:STATE:CAUSE.
local BY_CAUSE = {[WAITING] = true, [DEAD] = true, [IN_DOUBT] = true, [PARKED] = true}
-- A row is in later when its not-before was set further ahead than this.
local FAR = 60
local CAUSE_LIVE, CAUSE_LOST, CAUSE_ROSTER_DAMAGED, CAUSE_LEDGER_DAMAGED = 46, 47, 48, 49
-- What cannot be read says nothing about the list: the guard does not count it.
-- A chunk of it, a thousand rows, would halt the campaign seventy times over.
local UNREADABLE = {[CAUSE_ROSTER_DAMAGED] = true, [CAUSE_LEDGER_DAMAGED] = true}
local CHUNK_ROWS, RECORD = 1024, 8
local RECORDS = CHUNK_ROWS * RECORD -- two bytes after them count the final rows

local clock = redis.call('TIME')
local NOW = tonumber(clock[1])
local NOW_MS = NOW * 1000 + math.floor(tonumber(clock[2]) / 1000)

-- ceil_s is the first full second that is not before ms.
local function ceil_s(ms) return math.ceil(ms / 1000) end

local function member(row) return ARGV[1] .. '#' .. int(row) .. ' ' .. ARGV[2] end

-- decode reads the record of a slot from a chunk. Without a chunk it is planned.
-- Of a chunk that was cut short no script may ask for what it does not reach.
local function decode(chunk, slot)
  local s, c, a, f, t1, t2, t3, t4 = string.byte(chunk, slot * RECORD + 1, slot * RECORD + RECORD)
  local time = (((t1 or 0) * 256 + (t2 or 0)) * 256 + (t3 or 0)) * 256 + (t4 or 0)
  return {state = s or PLANNED, cause = c or 0, attempts = a or 0, free = f or 0, time = time, absent = not s}
end

local function encode(r)
  local t = r.time
  return string.char(r.state, r.cause, math.min(r.attempts, 255), math.min(r.free, 255),
    math.floor(t / 16777216) % 256, math.floor(t / 65536) % 256, math.floor(t / 256) % 256, t % 256)
end

-- finals_in counts the final rows of a chunk that can be read.
local function finals_in(held)
  local n = 0
  for slot = 0, math.floor(math.min(#held, RECORDS) / RECORD) - 1 do
    if FINAL[decode(held, slot).state] then n = n + 1 end
  end
  return n
end

-- is_open reads the chunk's bit.
local function is_open(chunk)
  local at = int(math.floor(chunk / 8))
  local byte = string.byte(redis.call('GETRANGE', OPEN, at, at)) or 0
  return math.floor(byte / 2 ^ (7 - chunk % 8)) % 2 == 1
end

-- finals_of is how many final rows a chunk counts. Of one that was cut short it is
-- as many as can be read, or all if the chunk was closed.
local function finals_of(chunk)
  local hi, lo = string.byte(redis.call('GETRANGE', LEDGER, int(RECORDS), int(RECORDS + 1)), 1, 2)
  if lo then return hi * 256 + lo end
  local held = redis.call('GET', LEDGER)
  if held and not is_open(chunk) then return CHUNK_ROWS end
  return finals_in(held or '')
end

-- counted_final reports whether a damaged record of the chunk was counted as
-- final: then the chunk counts more of them than can be read.
local function counted_final(row)
  return finals_of(math.floor(row / CHUNK_ROWS)) > finals_in(redis.call('GET', LEDGER))
end

-- refill makes a chunk that was cut short as long as it was. What it had of records
-- stays; the others are damaged, each of them.
local refilled = false
local function refill(chunk)
  if refilled or redis.call('GETRANGE', LEDGER, int(RECORDS - 1), int(RECORDS - 1)) ~= '' then return end
  local held = redis.call('GET', LEDGER) or ''
  if held == '' then return end
  refilled = true
  local whole, n = math.floor(#held / RECORD), finals_of(chunk)
  write('SETRANGE', LEDGER, int(whole * RECORD), string.rep('\255\0\0\0\0\0\0\0', CHUNK_ROWS - whole)
    .. string.char(math.floor(n / 256), n % 256))
end

-- counted_as lists the states that a damaged record may have been counted as,
-- the likeliest first, by what else is known of the row, and whether its chunk has
-- counted it as final. Only begin.lua makes an entry of calls, and only the end of
-- the call deletes it; who has an entry of doubts and an attempt is in doubt.
local function counted_as(row, r)
  if redis.call('HEXISTS', CALLS, member(row)) == 1 then return {CALLING}, false end
  local doubted = r.attempts > 0 and redis.call('HEXISTS', DOUBTS, member(row)) == 1
  if counted_final(row) then
    if r.cause == 0 then return {ACCEPTED, SKIPPED, DEAD, PARKED}, true end
    if r.cause == CAUSE_LIVE then return {SKIPPED, PARKED, DEAD, ACCEPTED}, true end
    return doubted and {PARKED, DEAD, SKIPPED, ACCEPTED} or {DEAD, PARKED, SKIPPED, ACCEPTED}, true
  end
  -- Of a chunk that was cut short some may have been final after all.
  if r.time == 0 then return {PLANNED, WAITING, IN_DOUBT, ACCEPTED, SKIPPED, DEAD, PARKED}, false end
  return doubted and {IN_DOUBT, WAITING, PLANNED} or {WAITING, IN_DOUBT, PLANNED}, false
end

-- mended is what a damaged record must have been, so that the row leaves the
-- counter in which it is: the first of its possible states that has a row. That
-- it is final or not is certain, so the counters always add up and a campaign
-- ends; which state exactly it is only as far as the rest of the record is whole.
local function mended(row, r)
  local states, final = counted_as(row, r)
  local function has(state, cause)
    local field = NAMES[state]
    if BY_CAUSE[state] then field = 'k:' .. field .. ':' .. int(cause) end
    return (tonumber(redis.call('HGET', CAMPAIGN, field)) or 0) > 0
  end
  local function as(state, cause)
    return {state = state, cause = cause, attempts = r.attempts, free = 0, time = r.time,
      damaged = true, final = final, cut = r.cut}
  end
  for _, state in ipairs(states) do
    if BY_CAUSE[state] and FINAL[state] == FINAL[states[1]] and has(state, r.cause) then return as(state, r.cause) end
  end
  for _, state in ipairs(states) do
    for cause = 0, 127 do
      if has(state, cause) then return as(state, cause) end
    end
  end
  return as(states[1], r.cause)
end

-- read returns a row's record. One whose state nobody knows comes back mended.
local function read(row)
  local from = row % CHUNK_ROWS * RECORD
  local held = redis.call('GETRANGE', LEDGER, int(from), int(from + RECORD - 1))
  local r = decode(held, 0)
  r.cut = #held < RECORD and redis.call('GETRANGE', LEDGER, '0', '0') ~= ''
  if NAMES[r.state] and not r.cut then return r end
  return mended(row, r)
end

-- becomes is r in another state, as of now; free waits are counted anew.
local function becomes(r, state, cause)
  return {state = state, cause = cause, attempts = r.attempts, free = 0, time = NOW}
end

-- waits is r waiting until a time, freely: the number of free waits of one cause
-- in a row is the exponent of the next.
local function waits(r, cause, time)
  local new = becomes(r, WAITING, cause)
  new.free = r.cause == cause and math.min(r.free + 1, 255) or 1
  new.time = time
  return new
end

-- What transition() has gathered for commit().
local deltas, finals, window, ended, chunk = {}, 0, '', false, nil

local function count(field, n) deltas[field] = (deltas[field] or 0) + n end

local function count_state(r, n)
  count(NAMES[r.state], n)
  if BY_CAUSE[r.state] then count('k:' .. NAMES[r.state] .. ':' .. int(r.cause), n) end
  local final = FINAL[r.state]
  if r.damaged then final = r.final end -- as the chunk counts it
  if final then finals = finals + n end
end

-- transition makes new of old, the row's record as read() gave it.
local function transition(row, old, new)
  if not NAMES[old.state] or not NAMES[new.state] then
    error(string.format('row %d cannot go from state %d to %d', row, old.state, new.state))
  end
  if old.damaged then count('damaged', 1) end
  if old.cut then refill(math.floor(row / CHUNK_ROWS)) end
  if old.absent then
    -- The whole chunk at once: what follows needs no more memory, and a string
    -- that is made in its full length is not made twice as long as asked for.
    write('SETRANGE', LEDGER, int(RECORDS + 1), '\0')
  end
  write('SETRANGE', LEDGER, int(row % CHUNK_ROWS * RECORD), encode(new))
  chunk = math.floor(row / CHUNK_ROWS)
  count_state(old, -1)
  count_state(new, 1)
  if FINAL[new.state] and new.state ~= old.state then
    ended = true
    if not UNREADABLE[new.cause] then window = window .. (new.state == DEAD and '1' or '0') end
    if MISCONFIGURED then write('HDEL', MISCONFIGURED, member(row)) end
  end
  local held = new.state == WAITING or new.state == IN_DOUBT
  if held and new.time > NOW + FAR then
    write('ZADD', LATER, int(new.time), member(row))
  elseif old.state == WAITING or old.state == IN_DOUBT or old.damaged then
    write('ZREM', LATER, member(row))
  end
end

-- doubt ends a call that nobody answered, marked at mark by token. Its entry
-- moves to doubts, where a late answer finds it. rules: life, limit, park.
local function doubt(row, old, call, rules)
  local new = becomes(old, IN_DOUBT, rules.cause)
  new.attempts = old.attempts + 1
  new.time = ceil_s(call.mark + rules.life)
  if rules.park or new.attempts >= rules.limit then
    new.state, new.time = PARKED, NOW
  end
  transition(row, old, new)
  write('HDEL', CALLS, member(row))
  write('HSET', DOUBTS, member(row), call.token .. ' ' .. int(call.mark))
  return new
end

-- call_in reads a row's entry of calls or doubts: who marked it, and when. One
-- that rekey did not write is as good as none.
local function call_in(hash, row)
  local token, mark = string.match(redis.call('HGET', hash, member(row)) or '', '^(%S+) (%d+)$')
  return token and {token = token, mark = tonumber(mark)} or nil
end
