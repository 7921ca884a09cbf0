-- Stands in front of every script of Dunlin (see sync/BUILD.bazel).
--
--   KEYS[1]  data   hash: key -> record
--   KEYS[2]  index  sorted set: key, scored by the sequence of its latest write
--   KEYS[3]  meta   hash: format, epoch, sequence, fleet_id, gc_sequence, sum, sizes, history, and for each store
--                   delivered:<store id>
--
-- Rules that all scripts keep:
--   Check first, then write: Redis does not undo what a script did before it failed.
--   Lua's numbers are doubles. Sequences are exact up to 2^53; 64-bit times are handled as two halves.
--   Never compare strings by < or >: Lua asks strcoll(), whose answer depends on Redis' locale and stops at a NUL.
--   Numbers that go back to Redis in a text pass decimal(): Lua's own conversion rounds to 14 digits. As an argument by
--   itself redis.call() writes one with 17.

local data_key, index_key, meta_key = KEYS[1], KEYS[2], KEYS[3]
local FORMAT = 1

local function decimal(number)
  return string.format('%.0f', number)
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Where meta says what Redis has of the writes of the store with this id, of 16 hexadecimal digits.
local function delivered_field(store_id)
  return 'delivered:' .. store_id
end

-- Returns what such a field says: in which epoch, up to which of the store's revisions all batches have been taken, and
-- up to which of them Redis has every write; as texts.
local function parse_delivered(text)
  local epoch, cursor, whole = string.match(text, '^(%x+):(%d+):(%d+)$')
  return epoch or '', cursor or '0', whole or '0'
end

local function wrong_type(key, expected)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected then
    return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found .. ' where Dunlin keeps a ' .. expected)
  end
end

-- Returns what meta says, with defaults for what it does not, and how many records and index entries there are; or nil
-- and an error reply. `delivered` is the field of meta, if any, that is to be read with it.
local function read_meta(delivered)
  local fields = redis.pcall('HMGET', meta_key, 'format', 'epoch', 'sequence', 'gc_sequence', 'fleet_id', 'sum',
    'sizes', delivered or 'format')
  local records, entries = redis.pcall('HLEN', data_key), redis.pcall('ZCARD', index_key)
  local failure = fields.err and fields or type(records) == 'table' and records or type(entries) == 'table' and entries
  if failure then
    return nil, wrong_type(data_key, 'hash') or wrong_type(index_key, 'zset') or wrong_type(meta_key, 'hash') or failure
  end
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
    sizes = fields[7] or '',
    delivered = delivered and fields[8] or '',
    records = records,
    entries = entries,
  }
end

-- Returns how many records and index entries there have to be. Meta says so as "records:entries:sequence", as of that
-- sequence; where it does not, or an older release has written since, it is what there is.
local function expected_sizes(meta)
  local records, entries, sequence = string.match(meta.sizes, '^(%d+):(%d+):(%d+)$')
  if tonumber(sequence) == meta.sequence then
    return tonumber(records), tonumber(entries)
  end
  return meta.records, meta.entries
end

local function format_sizes(records, entries, sequence)
  return string.format('%.0f:%.0f:%.0f', records, entries, sequence)
end

-- Whether Redis has lost records or index entries, but not meta: somebody has removed one of the keys, or Redis itself
-- to make room.
local function part_is_lost(meta)
  local records, entries = expected_sizes(meta)
  return meta.records ~= records or meta.entries ~= entries
end
