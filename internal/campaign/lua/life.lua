#!lua flags=allow-oom
-- life.lua: what an operator does to a campaign: start, pause, resume, cancel.
-- KEYS  1 the campaign's hash  2 halt  3 misconfigured  4 walk
-- ARGV  1 the verb  2 the command's own token  3 the number to confirm, or ''
--       4 the reason, or ''
-- answer {what, state, n}. What: done (n: calls in flight; of resume 1 if it
--       lifted the pool's halt)  unknown  state (does not allow it)  day (a
--       standing campaign whose day lasts)  confirm (n: the right number)
-- Atomic because of two operators the second must be told, and because no Begin
-- may come between the look at the state and its change: after a pause has
-- answered none succeeds. A repeated command finds its own token and is done.
-- Allowed with memory full: stopping must work then more than ever.
local FROM = {
  start = {draft = true},
  pause = {running = true},
  resume = {paused = true, halted = true},
  cancel = {draft = true, running = true, paused = true, halted = true},
}
local TO = {start = 'running', pause = 'paused', resume = 'running', cancel = 'cancelled'}
local verb, token, confirm = ARGV[1], ARGV[2], tonumber(ARGV[3])

local c = redis.call('HMGET', KEYS[1], 'state', 'command', 'total', 'planned', 'waiting', 'in_doubt', 'calling', 'standing')
local state, calling = c[1], tonumber(c[7]) or 0
if not state then return {'unknown', '', 0} end
if c[2] == token then return {'done', state, verb == 'resume' and tonumber(redis.call('HGET', KEYS[1], 'lifted')) or calling} end
-- The pool's halt shows as the campaign's, so resume lifts it.
local under = state == 'running' and redis.call('EXISTS', KEYS[2]) == 1
if not FROM[verb][state] and not (verb == 'resume' and under) then
  return {'state', under and 'halted' or state, 0}
end
if verb == 'cancel' and NOW < (tonumber(c[8]) or 0) then return {'day', state, 0} end

-- What is confirmed at the start is the total, of a cancel the rows that will
-- not be called any more. That number moves with the calls in flight, and while
-- the campaign runs it falls: then an operator who has just read it is right too.
if verb == 'start' and confirm ~= tonumber(c[3]) then return {'confirm', state, tonumber(c[3])} end
if verb == 'cancel' then
  local left = c[4] + c[5] + c[6]
  local fell = state == 'running' and math.max(1000, math.floor(c[3] / 100)) or 0
  if not confirm or confirm < left - calling or confirm > left + calling + fell then return {'confirm', state, left} end
end

write('HSET', KEYS[1], 'state', TO[verb], 'command', token, 'reason', ARGV[4], 'next', '')
if verb == 'start' then write('HSET', KEYS[1], 'started_at', int(NOW_MS)) end
if verb == 'cancel' then write('HSET', KEYS[1], 'ended_at', int(NOW_MS)) end
if verb ~= 'resume' then
  apply()
  return {'done', TO[verb], calling}
end

-- The guard begins to count anew, or the next dead row would halt it again.
local lifted = redis.call('EXISTS', KEYS[2])
write('HSET', KEYS[1], 'window', '', 'lifted', int(lifted))
write('DEL', KEYS[2], KEYS[3])
write('INCR', KEYS[4])
apply()
return {'done', TO[verb], lifted}
