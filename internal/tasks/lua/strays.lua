-- strays: active tasks that asynq has forgotten stand in the queue again.
--
-- KEYS    active, lease and pending of one queue
-- ARGV    the beginning of its tasks' keys; now, in seconds; how many at most
-- Answer: {again, gone}: how many are pending again, and how many were names
--         without a task, which were dropped
--
-- asynq looks for tasks of dead workers in lease alone, so one that is active
-- without a lease would stay so for ever, and so would a name whose task has
-- gone, which it passes over. It writes active and lease in one script: a task
-- in one of them only is in nobody's hands, or its worker can no longer report.
-- If the worker is at work after all the task comes twice, as any task may.
--
-- It is one script because tasks move between the lists.
local again, gone = 0, 0
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if again + gone >= tonumber(ARGV[3]) then break end
  local lease = redis.call('ZSCORE', KEYS[2], id)
  local task = ARGV[1] .. id
  local there = redis.call('EXISTS', task) == 1
  if not lease or (not there and tonumber(lease) <= tonumber(ARGV[2])) then
    redis.call('LREM', KEYS[1], 0, id)
    redis.call('ZREM', KEYS[2], id)
    if there then
      redis.call('HSET', task, 'state', 'pending')
      redis.call('RPUSH', KEYS[3], id)
      again = again + 1
    else
      gone = gone + 1
    end
  end
end
return {again, gone}
