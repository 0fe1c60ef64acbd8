-- rights: which commands this user may not run.
--
-- KEYS    none: nothing is touched
-- ARGV    commands as they would be sent, with spaces between their words
-- Answer: the places, from 1, of those that are refused; {-1} where the server
--         cannot tell
--
-- It is a script because others are not allowed to ask: ACL DRYRUN is for
-- administrators.
if not redis.acl_check_cmd then return {-1} end
local refused = {}
for i, line in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(line, '%S+') do words[#words + 1] = word end
  local known, may = pcall(redis.acl_check_cmd, unpack(words))
  if not (known and may) then refused[#refused + 1] = i end
end
return refused
