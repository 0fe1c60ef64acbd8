#!lua flags=allow-oom
-- delete_chunks.lua: removes chunks of a campaign that is being deleted.
-- KEYS  1 the campaign's hash  2… the chunks
-- ARGV  1 the deletion's token
-- answer 1, or 0 when another deletion has taken over
-- Atomic because a deletion that slept may wake up when the same id has been
-- loaded again, and would remove the new campaign's chunks.
if redis.call('HGET', KEYS[1], 'deleting') ~= ARGV[1] then return 0 end
redis.call('UNLINK', unpack(KEYS, 2))
return 1
