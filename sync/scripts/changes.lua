-- Reads a page of what changed after a sequence: each key once, with its latest record, in the order of sequences.
-- Writes nothing.
--
--   ARGV[1]  the sequence after which to begin
--   ARGV[2]  the most entries to return
--   ARGV[3]  the most bytes of keys and records to look at; one entry is returned even if it is larger
--   ARGV[4]  "records", or "orders": of each record only the 24 bytes of RecordOrder() (storage/record.h)
--
-- Returns {epoch or "", sequence, gc_sequence, time_ms, complete, covered, sequence, key, record, …}
--   epoch     "" also when a part of the data is lost: what is left says nothing of what has changed
--   complete  1 when the index holds nothing after this page
--   covered   the page covers every change up to this sequence

local RECORDS_AT_ONCE = 16

local after, entries_max, size_max_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local orders_only = ARGV[4] == 'orders'

local meta, failure = read_meta()
if failure then
  return failure
end

-- One more than asked for tells whether anything is left.
local found = redis.call('ZRANGEBYSCORE', index_key, '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0,
  decimal(entries_max + 1))
local entries_found = #found / 2
local entries = math.min(entries_found, entries_max)
local complete = entries_found <= entries_max
local covered = tonumber(after)
local epoch = part_is_lost(meta) and '' or meta.epoch
local reply = { epoch, meta.sequence, meta.gc_sequence, now_ms(), 0, 0 }
local size, size_bytes = #reply, 0
local first, is_full = 1, false
while first <= entries and not is_full do
  -- A few at a time, each of which may have megabytes: asking for all at once could draw gigabytes into memory to
  -- return a few megabytes.
  local last = math.min(first + RECORDS_AT_ONCE - 1, entries)
  local keys = {}
  for i = first, last do
    keys[i - first + 1] = found[2 * i - 1]
  end
  local records = redis.call('HMGET', data_key, unpack(keys))
  for i = first, last do
    local key, record, sequence = found[2 * i - 1], records[i - first + 1], tonumber(found[2 * i])
    -- An entry without a record is half of something lost; whoever has the other half will mirror it again.
    if record then
      size_bytes = size_bytes + #key + #record
      if size_bytes > size_max_bytes and size > 6 then
        complete, is_full = false, true
        break
      end
      reply[size + 1] = sequence
      reply[size + 2] = key
      reply[size + 3] = orders_only and string.sub(record, 1, 16) .. string.sub(record, -8) or record
      size = size + 3
    end
    covered = sequence
  end
  first = last + 1
end
if complete then
  covered = math.max(meta.sequence, entries_found > 0 and covered or 0)
end
reply[5] = complete and 1 or 0
reply[6] = covered
return reply
