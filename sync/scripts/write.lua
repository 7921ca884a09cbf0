-- What the scripts share that write records, after common.lua and record.lua.
--
--   ARGV[1]  the event channel
--   ARGV[2]  the epoch that the sender believes in
--   ARGV[3]  the sending store's id, 8 bytes
--   ARGV[4]  how many milliseconds a version may be ahead of Redis' clock
--   ARGV[5]  values above this many bytes are published by reference
--   ARGV[6]  the time of Redis' clock, in milliseconds, after which the call comes too late: what it brings may be
--            older than a deletion that has been forgotten by then

local channel, expected_epoch, origin = ARGV[1], ARGV[2], ARGV[3]
local clock_drift_max_ms, inline_value_max_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local not_after_ms = tonumber(ARGV[6])

-- Lua cannot unpack more than some thousand values into one call.
local SLICE = 1000

-- A batch is three lists: `keys`, each key once, the `records` that come, and what is stored, in `olds`: false for
-- nothing. `damaged` holds keys under which something is stored that is no record: it counts as nothing, so that any
-- replica can replace it.

-- A user without the right to publish would fail only after the hash was written, so ask beforehand. Redis below 7
-- cannot be asked.
local function missing_right()
  local may = redis.acl_check_cmd
  if not may then
    return nil
  end
  local command = not may('HSET', data_key, 'f', 'v') and 'HSET on ' .. data_key or
    not may('ZADD', index_key, '1', 'm') and 'ZADD on ' .. index_key or
    not may('PUBLISH', channel, 'm') and 'PUBLISH on ' .. channel
  if command then
    return redis.error_reply('NOPERM this user may not run ' .. command .. ': grant it by ACL SETUSER')
  end
end

-- Adds `olds` and `damaged` to a batch. Returns an error reply if one is no record or a key occurs twice.
local function load_stored(batch)
  local keys, records, olds, seen = batch.keys, batch.records, {}, {}
  batch.olds, batch.damaged = olds, {}
  for first = 1, #keys, SLICE do
    local last = math.min(first + SLICE - 1, #keys)
    local stored = redis.call('HMGET', data_key, unpack(keys, first, last))
    for i = first, last do
      local key, old = keys[i], stored[i - first + 1]
      if seen[key] or not is_record(records[i]) then
        return redis.error_reply('DUNLINBATCH item ' .. i .. (seen[key] and ' repeats a key' or ' is not a record') ..
          ': this is a bug in the sending replica')
      end
      seen[key] = true
      if old and not is_record(old) then
        batch.damaged[key] = true
        old = false
      end
      olds[i] = old
    end
  end
end

-- Returns the position of the first item that is too far ahead of Redis' clock, or nil. One that merely steps over a
-- stored version which is itself ahead passes: else somebody's wrong clock would have locked the key.
local function ahead_of_clock(batch, time_ms)
  local latest_ms = time_ms + clock_drift_max_ms
  for i, record in ipairs(batch.records) do
    local record_ms = time_ms_of(record)
    if record_ms > latest_ms then
      local old = batch.olds[i]
      if not old or time_ms_of(old) < record_ms - 1 then
        return i
      end
    end
  end
end

-- Returns the sequence of a key that is stored, or nil if the index has lost it: then it is written anew, so that
-- followers who read the index find it.
local function sequence_of(key)
  return tonumber(redis.call('ZSCORE', index_key, key))
end

-- The format is in sync/event_message.h.
local function event_of(batch, first_sequence)
  local keys = batch.keys
  local parts = {
    'D1', expected_epoch,
    struct.pack('>I4I4', math.floor(first_sequence / TWO_32), first_sequence % TWO_32),
    origin, struct.pack('>I4', #keys),
  }
  local size = #parts
  for i, body in ipairs(batch.records) do
    local kind = 0
    if is_value_above(body, inline_value_max_bytes) then
      kind, body = 1, string.sub(body, 1, 16)
    end
    parts[size + 1] = struct.pack('>BI2I4', kind, #keys[i], #body)
    parts[size + 2] = keys[i]
    parts[size + 3] = body
    size = size + 3
  end
  return table.concat(parts)
end

-- Stores one slice of a batch. Returns how many records and index entries are new.
local function store_slice(batch, first, last, sequence_before)
  local fields, scores, fields_size, scores_size = {}, {}, 0, 0
  for i = first, last do
    local key, record = batch.keys[i], batch.records[i]
    -- What is there already has lost its place in the index alone.
    if record ~= batch.olds[i] then
      fields[fields_size + 1] = key
      fields[fields_size + 2] = record
      fields_size = fields_size + 2
    end
    -- redis.call() writes a number with all its digits.
    scores[scores_size + 1] = sequence_before + i
    scores[scores_size + 2] = key
    scores_size = scores_size + 2
  end
  local records = fields_size > 0 and redis.call('HSET', data_key, unpack(fields)) or 0
  return records, redis.call('ZADD', index_key, unpack(scores))
end

-- Returns the sum of all records after a batch, nil where it is unknown.
local function sum_after(batch, meta)
  local sum = next(batch.damaged) == nil and read_sum(meta) or nil
  if sum then
    local olds = batch.olds
    for i, record in ipairs(batch.records) do
      add_to_sum(sum, record, 1)
      if olds[i] then
        add_to_sum(sum, olds[i], -1)
      end
    end
  end
  return sum
end

-- Stores a batch under the sequences after that of `meta`, publishes it as one event and returns the last sequence.
-- More of meta may be given to be set with it: a field and its value.
local function accept(batch, meta, ...)
  local count = #batch.keys
  if count == 0 then
    return meta.sequence
  end
  local sum = sum_after(batch, meta)
  -- What was lost before stays missing: the next heartbeat sees it.
  local records, entries = expected_sizes(meta)
  for first = 1, count, SLICE do
    local new_records, new_entries = store_slice(batch, first, math.min(first + SLICE - 1, count), meta.sequence)
    records, entries = records + new_records, entries + new_entries
  end
  local last_sequence = meta.sequence + count
  redis.call('HSET', meta_key, 'sequence', last_sequence, 'sum', format_sum(sum), 'sizes',
    format_sizes(records, entries, last_sequence), ...)
  redis.call('PUBLISH', channel, event_of(batch, meta.sequence + 1))
  return last_sequence
end
