-- presence.lua: a worker says that it serves the pool.
-- KEYS  1 workers
-- ARGV  1 worker, or '' for a look alone  2 what it says of itself
--       3 how long that counts (ms)
-- answer {worker, time and text, worker, …}
-- Atomic because the age of an entry is taken by the clock that wrote it.
if ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[1], int(NOW_MS) .. ' ' .. ARGV[2])
end
local all, answer = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  local at = tonumber(string.match(all[i + 1], '^%d+')) or 0
  if at + ARGV[3] >= NOW_MS then
    table.insert(answer, all[i])
    table.insert(answer, all[i + 1])
  elseif ARGV[1] ~= '' then
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return answer
