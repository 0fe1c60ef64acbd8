-- look: the whole bucket and the time, for those who only show it.
--
-- KEYS[1]  the bucket
-- Answer: {now, {field, value, ...}}
--
-- It is a script because on a cluster TIME alone would ask any node.

return {whole(micros()), redis.call('HGETALL', KEYS[1])}
