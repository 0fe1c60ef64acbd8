#!lua flags=allow-oom
-- delete_begin.lua: a campaign is about to be deleted. From here on it is
-- loading and deleting: nothing can be begun, settled or loaded into it.
-- KEYS  1 the campaign's hash
-- ARGV  1 the deletion's token  2 the number to confirm  3 '', or the load token
--       of the load that discards its own campaign
-- answer {what, state, n, generation}. What: begun (n: chunks)  unknown
--       state (does not allow it)  calling (n calls are in flight)  day (a
--       standing campaign whose day lasts)  confirm (n: the right number)
--       stale (another load has it)
-- Atomic because nothing may be started between the look and the mark. Allowed
-- with memory full, since it makes room.
local MAY = {loading = true, draft = true, paused = true, halted = true, done = true, cancelled = true}

local c = redis.call('HMGET', KEYS[1], 'state', 'load_token', 'deleting', 'calling', 'standing', 'total', 'chunks', 'generation', 'deleted')
local state, total, generation = c[1], tonumber(c[6]) or 0, c[9] or c[8] or ''
local function answer(what, n) return {what, state or '', n or 0, ''} end
if not state then return answer('unknown') end
if not c[3] then
  local calling = tonumber(c[4]) or 0
  if ARGV[3] ~= '' and (state ~= 'loading' or c[2] ~= ARGV[3]) then return answer('stale') end
  if not MAY[state] then return answer('state') end
  if calling > 0 then return answer('calling', calling) end
  if NOW < (tonumber(c[5]) or 0) then return answer('day') end
  if ARGV[3] == '' and tonumber(ARGV[2]) ~= total then return answer('confirm', total) end
  redis.call('HSET', KEYS[1], 'state', 'loading', 'load_token', '', 'generation', '', 'deleted', generation)
end
-- Also of a deletion that did not end: it was confirmed, and this one goes on.
redis.call('HSET', KEYS[1], 'deleting', ARGV[1])
local chunks = math.max(tonumber(c[7]) or 0, math.ceil(total / CHUNK_ROWS))
return {'begun', 'loading', chunks, generation}
