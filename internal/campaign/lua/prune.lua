-- prune.lua: deletes a part of the doubts that no late answer may find any more.
-- KEYS  1 doubts
-- ARGV  1 cursor  2 age (ms)
-- Answer the next cursor; 0 after the last part.
-- Atomic because a row may get a new doubt between the look and the deletion.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', '200')
local entries = page[2]
for i = 1, #entries, 2 do
  local mark = tonumber(string.match(entries[i + 1], ' (%d+)$'))
  if NOW_MS > mark + tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], entries[i]) end
end
return page[1]
