-- look.lua: the rows whose marks are old. calls holds the calls in flight, some
-- thousands at the most, so it is read as a whole.
-- KEYS  1 calls
-- ARGV  1 busy (ms)  2 how many at the most
-- Answer an array of members, CAMPAIGN#ROW GENERATION. Those whose mark cannot
-- be read are among them: lost.lua knows its time from the record.
local entries, found = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #entries, 2 do
  local mark = tonumber(string.match(entries[i + 1], '^%S+ (%d+)$') or 0)
  if NOW_MS >= mark + tonumber(ARGV[1]) and #found < tonumber(ARGV[2]) then
    table.insert(found, entries[i])
  end
end
return found
