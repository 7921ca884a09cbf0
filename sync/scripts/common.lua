-- Stands in front of every script of Dunlin (see sync/BUILD.bazel).
--
--   KEYS[1]  data   hash: key -> record
--   KEYS[2]  index  sorted set: key, scored by the sequence of its latest write
--   KEYS[3]  meta   hash: format, epoch, sequence, fleet_id, gc_sequence, sum, history
--
-- Rules that all scripts keep:
--   Check first, then write: Redis does not undo what a script did before it failed.
--   Lua's numbers are doubles. Sequences are exact up to 2^53; 64-bit times are handled as two halves.
--   Never compare strings by < or >: Lua asks strcoll(), whose answer depends on Redis' locale and stops at a NUL.
--   Numbers that go back to Redis as text pass decimal(): Lua's own conversion rounds to 14 digits.

local data_key, index_key, meta_key = KEYS[1], KEYS[2], KEYS[3]
local FORMAT = 1

local function decimal(number)
  return string.format('%.0f', number)
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function wrong_type(key, expected)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected then
    return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found .. ' where Dunlin keeps a ' .. expected ..
      ': something else uses this name; remove it or choose another namespace')
  end
end

-- Returns what meta says, with defaults for what it does not, or nil and an error reply.
local function read_meta()
  local failure = wrong_type(data_key, 'hash') or wrong_type(index_key, 'zset') or wrong_type(meta_key, 'hash')
  if failure then
    return nil, failure
  end
  local fields = redis.call('HMGET', meta_key, 'format', 'epoch', 'sequence', 'gc_sequence', 'fleet_id', 'sum')
  local format = tonumber(fields[1]) or FORMAT
  if format > FORMAT then
    return nil, redis.error_reply('DUNLINFORMAT ' .. meta_key .. ' says that the data is of format ' .. format ..
      ', this replica knows formats up to ' .. FORMAT .. ': upgrade the replica')
  end
  return {
    epoch = fields[2] or '',
    sequence = tonumber(fields[3]) or 0,
    gc_sequence = tonumber(fields[4]) or 0,
    fleet_id = fields[5] or '',
    sum = fields[6] or '',
  }
end
