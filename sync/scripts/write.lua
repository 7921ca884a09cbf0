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

-- A user without the right to publish would fail only after the hash was written, so ask beforehand. Redis below 7
-- cannot be asked.
local function missing_right()
  if not redis.acl_check_cmd then
    return nil
  end
  local needed = { { 'HSET', data_key, 'f', 'v' }, { 'ZADD', index_key, '1', 'm' }, { 'PUBLISH', channel, 'm' } }
  for _, command in ipairs(needed) do
    if not redis.acl_check_cmd(unpack(command)) then
      return redis.error_reply('NOPERM this user may not run ' .. command[1] .. ' on ' .. command[2] ..
        ': grant it by ACL SETUSER')
    end
  end
end

-- Adds to each {key, record} what it says and what is stored under its key. Returns an error reply if one is no record
-- or a key occurs twice.
--
-- A stored record that is damaged counts as none: any replica can replace it.
local function load_stored(items)
  local seen = {}
  for first = 1, #items, SLICE do
    local keys = {}
    for i = first, math.min(first + SLICE - 1, #items) do
      local item = items[i]
      item.new = parse(item.record)
      if not item.new or seen[item.key] then
        return redis.error_reply('DUNLINBATCH item ' .. i .. (item.new and ' repeats a key' or ' is not a record') ..
          ': this is a bug in the sending replica')
      end
      seen[item.key] = true
      keys[#keys + 1] = item.key
    end
    local records = redis.call('HMGET', data_key, unpack(keys))
    for i = 1, #keys do
      local item = items[first + i - 1]
      item.old = records[i] and parse(records[i])
      item.old_is_damaged = records[i] and not item.old
      item.old_record = item.old and records[i] or ''
    end
  end
end

-- Returns the position of the first item that is too far ahead of Redis' clock, or nil. One that merely steps over a
-- stored version which is itself ahead passes: else somebody's wrong clock would have locked the key.
local function ahead_of_clock(items, time_ms)
  for i, item in ipairs(items) do
    local steps_over = item.old and item.old.time_ms >= item.new.time_ms - 1
    if item.new.time_ms > time_ms + clock_drift_max_ms and not steps_over then
      return i
    end
  end
end

-- Returns the sequence of an item that is stored already, or nil if the index has lost it: then it is written anew, so
-- that followers who read the index find it.
local function sequence_of(item)
  return tonumber(redis.call('ZSCORE', index_key, item.key))
end

-- The format is in sync/event_message.h.
local function event_of(items, first_sequence)
  local parts = {
    'D1', expected_epoch,
    struct.pack('>I4I4', math.floor(first_sequence / TWO_32), first_sequence % TWO_32),
    origin, struct.pack('>I4', #items),
  }
  for _, item in ipairs(items) do
    local by_reference = item.new.value_bytes > inline_value_max_bytes
    local body = by_reference and string.sub(item.record, 1, 16) or item.record
    parts[#parts + 1] = struct.pack('>BI2I4', by_reference and 1 or 0, #item.key, #body)
    parts[#parts + 1] = item.key
    parts[#parts + 1] = body
  end
  return table.concat(parts)
end

-- Stores the items under the sequences after that of `meta`, publishes them as one event and returns the last sequence.
local function accept(items, meta)
  if #items == 0 then
    return meta.sequence
  end
  local sum = read_sum(meta.sum)
  -- What was lost before stays missing: the next heartbeat sees it.
  local records, entries = expected_sizes(meta)
  for first = 1, #items, SLICE do
    local fields, scores = {}, {}
    for i = first, math.min(first + SLICE - 1, #items) do
      local item = items[i]
      -- What is there already has lost its place in the index alone.
      if item.record ~= item.old_record then
        fields[#fields + 1] = item.key
        fields[#fields + 1] = item.record
      end
      scores[#scores + 1] = decimal(meta.sequence + i)
      scores[#scores + 1] = item.key
      if item.old_is_damaged then
        sum = nil
      end
      if sum then
        add_to_sum(sum, item.new, 1)
      end
      if sum and item.old then
        add_to_sum(sum, item.old, -1)
      end
    end
    if #fields > 0 then
      records = records + redis.call('HSET', data_key, unpack(fields))
    end
    entries = entries + redis.call('ZADD', index_key, unpack(scores))
  end
  local last_sequence = meta.sequence + #items
  redis.call('HSET', meta_key, 'sequence', decimal(last_sequence), 'sum', format_sum(sum), 'sizes',
    format_sizes(records, entries, last_sequence))
  redis.call('PUBLISH', channel, event_of(items, meta.sequence + 1))
  return last_sequence
end
