-- prune.lua: deletes a part of the doubts that no late answer may find any more.
-- KEYS  1 doubts
-- ARGV  1 cursor  2 age (ms)
-- Answer the next cursor, 0 after the last part; then the entries that were
-- deleted because rekey did not write them.
-- Atomic because a row may get a new doubt between the look and the deletion.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', '200')
local entries, answer = page[2], {page[1]}
for i = 1, #entries, 2 do
  local mark = tonumber(string.match(entries[i + 1], '^%S+ (%d+)$') or 0)
  if mark == 0 then table.insert(answer, entries[i]) end
  if NOW_MS > mark + tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], entries[i]) end
end
return answer
