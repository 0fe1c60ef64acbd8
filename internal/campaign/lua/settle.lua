#!lua flags=allow-oom
-- settle.lua: what became of a call.
-- KEYS  1-8 as in transition.lua  9 the username's live key
-- ARGV  1-3 as in transition.lua  4 token  5 outcome  6 state  7 cause
--       8 medium  9 wait (ms; of a doubt from the mark)  10 1 if it counts as
--       an attempt  11 attempts at which it ends, 0 for never  12 the state it then ends in
--       13 a code's life (ms)  14 sample  15 the cause's word  16 next step, if
--       this halts the pool
-- Answer {what, record, halted, reason, next, done}. What: recorded; kept (a
--       row that this late answer does not move); unknown (the token is not
--       the row's, so nothing changed: somebody else's, or settled before);
--       gone. Halted: pool campaign or ''.
-- Atomic because the answer, the mark's end and the live key belong together.
-- Allowed with memory full: what became of a call must be written down.
local LIVE = KEYS[9]
local row, token, outcome = tonumber(ARGV[3]), ARGV[4], ARGV[5]
local state, cause, wait = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[9])
local counts, limit, at_limit = ARGV[10] == '1', tonumber(ARGV[11]), tonumber(ARGV[12])
local life, sample = tonumber(ARGV[13]), ARGV[14]
local KEPT_FOR = 24 * 3600 * 1000 -- a late answer finds its doubt for so long
-- The outcomes that break a row of Misconfigured, and count beside it.
local BREAKS = {Accepted = true, Refused = true, Undeliverable = true, UserLimited = true}
-- The late answers that move a row which is parked, or was and is replayed now.
local UNPARKS = {Accepted = true, Refused = true, Undeliverable = true}

local call, late = call_in(CALLS, row), false
if not call or call.token ~= token then
  call, late = call_in(DOUBTS, row), true
  if call and (call.token ~= token or NOW_MS > call.mark + KEPT_FOR) then call = nil end
end
local old = read(row)
local own = redis.call('GET', LIVE) == member(row) .. ' ' .. token
-- calls was lost: whose the mark is stands in the live key as well.
if not call and own and old.state == CALLING then
  call, late = {token = token, mark = old.time * 1000}, false
end
if not call then return {'unknown', encode(old), '', '', '', 0} end

write('HDEL', late and DOUBTS or CALLS, member(row))
if own then
  if outcome == 'Accepted' then
    write('PEXPIRE', LIVE, int(life))
  elseif outcome ~= 'Unanswered' then
    write('DEL', LIVE)
  end
end
local function answer(what)
  apply()
  return {what, encode(old), '', '', '', 0}
end

local c = redis.call('HMGET', CAMPAIGN, 'generation', 'on_doubt')
if c[1] ~= ARGV[2] then return answer('gone') end
-- An entry and another state cannot be. If they were, an error here would
-- keep the worker from ever beginning anything again.
if not late and old.state ~= CALLING then return answer('unknown') end
if late and old.state ~= IN_DOUBT then
  local parked = old.state == PARKED or old.state == WAITING
  if not parked or not UNPARKS[outcome] then return answer('kept') end
end

-- tally counts what the pool's calls bring, and says why the pool must halt.
-- run holds the rows of the Misconfigured answers in a row, last the last fifty.
local function tally()
  local m = redis.call('HMGET', MISCONFIGURED, 'run', 'last', 'accepted')
  local run, last, accepted = m[1] or '', m[2] or '', tonumber(m[3]) or 0
  if BREAKS[outcome] then
    if outcome == 'Accepted' then accepted = accepted + 1 end
    write('HSET', MISCONFIGURED, 'run', '', 'last', string.sub(last .. '.', -50), 'accepted', int(accepted))
    return nil
  end
  local _, rows = string.gsub(run, ',', '')
  if rows < 3 and not string.find(run, member(row) .. ',', 1, true) then
    run, rows = run .. member(row) .. ',', rows + 1
  end
  last = string.sub(last .. 'm', -50)
  write('HSET', MISCONFIGURED, 'run', run, 'last', last)
  local _, times = string.gsub(last, 'm', '')
  if rows >= 3 then return 'three users in a row were answered ' .. ARGV[15] end
  if times >= 10 then
    return int(times) .. ' of the last ' .. int(#last) .. ' answers say that the pool is misconfigured, the latest ' .. ARGV[15]
  end
  return nil
end

-- fifth counts what this row brings. At the fifth the row is at fault if others
-- were accepted meanwhile, else the pool is.
local function fifth()
  local seen = redis.call('HGET', MISCONFIGURED, member(row))
  local accepted = tonumber(redis.call('HGET', MISCONFIGURED, 'accepted') or '0')
  local times, first = string.match(seen or '', '^(%d+) (%d+)$')
  times, first = (tonumber(times) or 0) + 1, tonumber(first) or accepted
  write('HSET', MISCONFIGURED, member(row), int(times) .. ' ' .. int(first))
  if times < 5 then return false, nil end
  if accepted > first then return true, nil end
  return false, 'one user was answered ' .. ARGV[15] .. ' five times, and nobody was accepted meanwhile'
end

-- halt_pool raises the pool's flag, unless it stands.
local function halt_pool(reason)
  if not reason or redis.call('EXISTS', HALT) == 1 then return false end
  write('HSET', HALT, 'reason', reason, 'cause', ARGV[15], 'sample', sample, 'next', ARGV[16], 'at', int(NOW_MS))
  return true
end

local reason
if BREAKS[outcome] or outcome == 'Misconfigured' then reason = tally() end
if outcome == 'Misconfigured' then
  local spent, why = fifth()
  if spent then state = DEAD end
  reason = reason or why
end

-- A late answer takes the place of its doubt, which had counted as an attempt.
local attempts = old.attempts
if late and old.state == IN_DOUBT then attempts = math.max(attempts - 1, 0) end
if counts then attempts = attempts + 1 end
if counts and limit > 0 and attempts >= limit then
  state = at_limit
elseif state == IN_DOUBT and c[2] == 'park' then
  state = PARKED
end

local new = becomes(old, state, cause)
if state == WAITING then
  local till = wait > 0 and ceil_s(NOW_MS + wait) or NOW
  if not counts then new = waits(old, cause, till) end
  new.time = till
elseif state == IN_DOUBT then
  new.time = ceil_s(call.mark + wait)
elseif state == ACCEPTED then
  new.free = tonumber(ARGV[8])
end
new.attempts = attempts

transition(row, old, new)
-- Of the owner's doubt the entry moves; of a late one it is deleted.
if not late and (state == IN_DOUBT or state == PARKED) then
  write('HSET', DOUBTS, member(row), token .. ' ' .. int(call.mark))
end
if sample ~= '' then write('HSET', CAMPAIGN, 'sample:' .. int(cause), sample) end
local halted = halt_pool(reason)
local done, guarded = commit()
if halted then return {'recorded', encode(new), 'pool', reason, ARGV[16], done and 1 or 0} end
if guarded then return {'recorded', encode(new), 'campaign', guarded.reason, guarded.next, 0} end
return {'recorded', encode(new), '', '', '', done and 1 or 0}
