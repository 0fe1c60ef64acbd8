-- behind.lua: which rows of a chunk are due and not waiting to be fed. A row
-- that must wait and is not in later is put there, however short its wait: its
-- task may be lost. If it is not, the queue refuses the row a second one.
-- KEYS  1-4 as in transition.lua
-- ARGV  1-2 as in transition.lua  3 and on: rows, waiting or in doubt
-- Answer an array of rows.
-- Atomic because a row may be called between the look at it and the ZADD.
local due = {}
local held = redis.call('GET', LEDGER) or ''
if redis.call('HGET', CAMPAIGN, 'generation') ~= ARGV[2] then return due end
for i = 3, #ARGV do
  local row = tonumber(ARGV[i])
  local r = decode(held, row % CHUNK_ROWS)
  local waiting = r.state == WAITING or r.state == IN_DOUBT
  if waiting and not redis.call('ZSCORE', LATER, member(row)) then
    if r.time <= NOW then
      table.insert(due, row)
    else
      redis.call('ZADD', LATER, int(r.time), member(row))
    end
  end
end
return due
