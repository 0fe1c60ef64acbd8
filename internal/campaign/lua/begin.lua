-- begin.lua: the mark before a call, and every reason not to make one.
-- KEYS  1-8 as in transition.lua  9 the username's live key
-- ARGV  1-3 as in transition.lua  4 token  5 not after (ms)  6 busy (ms)
--       7 a code's life (ms)  8 attempts at which a doubt is parked
--       9 1 to mark the row, 0 to ask only for reasons not to
-- Answer {what, until (ms), now (ms), the record before}. What: go busy rest
--       held doubt parked skipped settled stopped gone late free. Free: only
--       asked, and there is no reason.
-- Atomic because two workers that both see a row unmarked would both call.
-- Not allowed with memory full: without its mark no call may go out. The first
-- write is always the entry's or the record's, which Redis refuses then.
local LIVE = KEYS[9]
local row, token = tonumber(ARGV[3]), ARGV[4]
local not_after, busy, life = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local c = redis.call('HMGET', CAMPAIGN, 'generation', 'state', 'on_doubt', 'on_live', 'total')
if c[1] ~= ARGV[2] or row >= tonumber(c[5]) then return {'gone', 0, NOW_MS, ''} end

local old = read(row)
local function answer(what, till) return {what, till or 0, NOW_MS, encode(old)} end

if FINAL[old.state] and not old.damaged then return answer('settled') end
local call = old.state == CALLING and (call_in(CALLS, row) or {token = '-', mark = old.time * 1000})
if call and call.token == token then
  -- Written once more: where replicas are waited for, a connection's WAIT is
  -- only for what that connection wrote, and this may be another one.
  redis.call('HSET', CALLS, member(row), token .. ' ' .. int(call.mark))
  return answer('go')
end
if c[2] ~= 'running' or redis.call('EXISTS', HALT) == 1 then return answer('stopped') end

if call and NOW_MS < call.mark + busy then return answer('busy', call.mark + busy) end
if call then
  local rules = {cause = CAUSE_LOST, life = life, limit = tonumber(ARGV[8]), park = c[3] == 'park'}
  local new = doubt(row, old, call, rules)
  commit()
  return answer(new.state == PARKED and 'parked' or 'doubt', new.time * 1000)
end

if old.damaged then
  -- Nobody knows whether it was called: an operator says what becomes of it.
  transition(row, old, becomes(old, PARKED, CAUSE_LEDGER_DAMAGED))
  commit()
  return answer('parked')
end

local waiting = old.state == WAITING or old.state == IN_DOUBT
if waiting and NOW_MS < old.time * 1000 then return answer('rest', old.time * 1000) end

-- of_call reports whether the live key is that of an entry.
local function of_call(hash, value)
  local owner, its = string.match(value, '^(.+) (%S+)$')
  local entry = owner and redis.call('HGET', hash, owner)
  return entry and string.match(entry, '^%S+') == its
end

-- hold: a code of this user is alive. A doubt stays a doubt. Only another row's
-- code is a reason to skip: a replayed row waits for the end of its own. And only
-- one that was sent: a call under way may end without one, and of a doubt nobody
-- knows.
local function hold(value)
  -- Strictly after the code's end, so that the row is not held twice by it.
  local till = math.floor((NOW_MS + redis.call('PTTL', LIVE)) / 1000) + 1
  local skips = c[4] == 'skip' and string.sub(value, 1, #member(row) + 1) ~= member(row) .. ' '
  local new
  if old.state == IN_DOUBT then
    new = becomes(old, IN_DOUBT, old.cause)
    new.time = till
  elseif skips and of_call(CALLS, value) then
    return answer('rest', NOW_MS + math.ceil(busy / 30))
  elseif skips and not of_call(DOUBTS, value) then
    new = becomes(old, SKIPPED, CAUSE_LIVE)
  else
    new = waits(old, CAUSE_LIVE, till)
  end
  transition(row, old, new)
  commit()
  if new.state == SKIPPED then return answer('skipped') end
  return answer('held', till * 1000)
end

local value = redis.call('GET', LIVE)
if value then return hold(value) end
if ARGV[9] == '0' then return answer('free') end
if NOW_MS > not_after then return answer('late') end

local new = becomes(old, CALLING, old.cause)
new.free = old.free
write('HSET', CALLS, member(row), token .. ' ' .. int(NOW_MS))
write('SET', LIVE, member(row) .. ' ' .. token, 'PX', int(life))
write('HDEL', DOUBTS, member(row))
transition(row, old, new)
if uneven() then
  writes = {}
  halt_uneven()
  apply()
  return answer('stopped')
end
commit()
return answer('go')
