-- fed.lua: takes rows out of later that were enqueued. One that waits anew is
-- due a minute from now at the earliest: it stays.
-- KEYS  1 later
-- ARGV  members
-- Answer how many were taken out.
-- Atomic because a row may be called, and wait anew, between look and removal.
local n = 0
for i = 1, #ARGV do
  local due = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if due and tonumber(due) <= NOW then n = n + redis.call('ZREM', KEYS[1], ARGV[i]) end
end
return n
