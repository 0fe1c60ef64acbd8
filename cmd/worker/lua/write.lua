-- write: whether Redis takes writes now: it may be full, a replica, cut off from
-- its replicas or from its disk.
--
-- KEYS[1]  a key of nobody's; it is gone after a second
-- Answer:  OK
--
-- It is a script because it must be refused whenever the ledger's are.
return redis.call('SET', KEYS[1], '', 'PX', '1000')
