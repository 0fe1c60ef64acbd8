-- writes.lua: all of what a script writes, or nothing. It stands in front of
-- transition.lua and so of every script; script.go puts it there.
--
-- Redis does not roll back: of a script that fails half-way the first half stays,
-- and a mark without its entry is a row that nobody calls. So write() only
-- gathers, and apply() first asks of each command whether it can fail: whether
-- the user may run it, whether its key is of its type. Of a field that HINCRBY is
-- for the script asks itself. What a script reads is as it was before.
--
-- The first write must be one that Redis refuses when its memory is full, unless
-- the script may run then: after another one it refuses none. HDEL is not.
local writes = {}

local function write(...) table.insert(writes, {...}) end

-- int writes a number for Redis: never as 1.7e+12, never as a float.
local function int(n) return string.format('%d', n) end

-- counts reports whether Redis can count on from a value: from 60, not from 060.
local function counts(value)
  if not value or value == '0' then return true end
  return #value <= 16 and string.match(value, '^%-?[1-9]%d*$') ~= nil
end

-- may raises the error that Redis would. Before version 7 it does not tell.
local function may(w)
  if redis.acl_check_cmd and not redis.acl_check_cmd(unpack(w)) then
    error({err = 'NOPERM this user may not run ' .. w[1] .. ' on ' .. w[2]})
  end
end

-- of_its_type reads what is to be written, for the error if it is another type.
local function of_its_type(w)
  local command, key, asked = w[1], w[2], nil
  local family = string.sub(command, 1, 1)
  if family == 'H' then
    asked = redis.pcall('HEXISTS', key, '')
  elseif family == 'Z' then
    asked = redis.pcall('ZSCORE', key, '')
  elseif command == 'SETRANGE' or command == 'SETBIT' then
    asked = redis.pcall('GETRANGE', key, '0', '0')
  elseif command == 'INCR' then
    asked = redis.pcall('GET', key)
    if type(asked) == 'string' and not counts(asked) then error(key .. ' does not hold a number') end
  end
  if type(asked) == 'table' and asked.err then error(asked.err .. ' (' .. key .. ')') end
end

-- apply writes what was gathered, in its order.
local function apply()
  local asked = {}
  for _, w in ipairs(writes) do
    local what = w[1] .. ' ' .. w[2]
    if not asked[what] then
      may(w)
      of_its_type(w)
    end
    asked[what] = true
  end
  for _, w in ipairs(writes) do redis.call(unpack(w)) end
  writes = {}
end
