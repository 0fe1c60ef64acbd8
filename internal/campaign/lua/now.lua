-- now.lua: the time by which the ledger decides, in milliseconds.
-- KEYS  1 any key of the pool: it chooses the node of a Cluster
return NOW_MS
