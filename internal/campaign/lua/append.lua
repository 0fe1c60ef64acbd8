-- append.lua: one more row of the day's standing campaign, once for an event.
-- KEYS  1 the campaign's hash  2 its open chunks  3 the roster's chunk, a hash
--       of single rows  4 event  5 campaigns
-- ARGV  1 campaign  2 generation: its own, or one if it is made now  3 its day,
--       counted from 1970  4 the row's number, as far as is known  5 the row
--       6 the command's own token  7 how long the event is remembered (ms)
--       8 the key with which the row is sealed, or ''
-- answer {what, campaign, generation, n}. What: added (n: row)  known (the
--       event's row)  day (n: it is another day)  row (n: its number is another
--       one, or the generation is)  closed
-- Atomic because row, total and event must not be seen apart, and because only
-- Redis's clock says which day it is. A repeated command finds its own token.
-- A row in clear may take any number of the chunk; one that is sealed only its own.
local DAY = 86400
local known = redis.call('GET', KEYS[4])
if known then
  local id, generation, row, token = string.match(known, '^(%S+) (%S+) (%d+) (%S+)$')
  return {token == ARGV[6] and 'added' or 'known', id, generation, tonumber(row)}
end
local today, wanted = math.floor(NOW / DAY), tonumber(ARGV[3])
if today ~= wanted then return {'day', '', '', today} end
local c = redis.call('HMGET', KEYS[1], 'state', 'total', 'generation')
local state, row, generation = c[1], tonumber(c[2]) or 0, c[3] or ARGV[2]
if not counts(c[2]) then error(KEYS[1] .. ' does not hold the number of its rows') end
if state == 'cancelled' or state == 'loading' then return {'closed', ARGV[1], '', 0} end
local chunk, key = math.floor(row / CHUNK_ROWS), ARGV[8]
local fits = chunk == math.floor(ARGV[4] / CHUNK_ROWS)
if key ~= '' then fits = row == tonumber(ARGV[4]) and generation == ARGV[2] end
if not fits then return {'row', ARGV[1], c[3] or '', row} end

write('HSET', KEYS[3], int(row), ARGV[5])
if not state then
  write('HSET', KEYS[1], 'generation', generation, 'standing', int((today + 1) * DAY),
    'priority', 'urgent', 'on_doubt', 'resend', 'on_live', 'skip', 'guard', '0',
    'created_at', int(NOW_MS), 'started_at', int(NOW_MS), 'cursor', '0')
  for _, name in pairs(NAMES) do write('HSET', KEYS[1], name, '0') end
  write('ZADD', KEYS[5], 'NX', int(NOW_MS), ARGV[1])
end
-- Done while its day lasts is what a clock that was set back leaves behind.
if not state or state == 'done' then write('HSET', KEYS[1], 'state', 'running') end
local keys = redis.call('HGET', KEYS[1], 'keys') or ''
if key ~= '' and not string.find(keys, key, 1, true) then
  write('HSET', KEYS[1], 'keys', keys .. ' ' .. key)
end
write('HINCRBY', KEYS[1], 'total', 1)
count('planned', 1)
count_up()
write('SETBIT', KEYS[2], int(chunk), 1)
write('SET', KEYS[4], table.concat({ARGV[1], generation, int(row), ARGV[6]}, ' '), 'PX', ARGV[7])
apply()
return {'added', ARGV[1], generation, row}
