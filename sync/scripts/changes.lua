-- Reads a page of what changed after a sequence: each key once, with its latest record, in the order of sequences.
-- Writes nothing.
--
--   ARGV[1]  the sequence after which to begin
--   ARGV[2]  the most entries to return
--   ARGV[3]  the most bytes of keys and records to look at; one entry is returned even if it is larger
--   ARGV[4]  "records", or "orders": of each record only the 24 bytes of RecordOrder() (storage/record.h)
--
-- Returns {epoch or "", sequence, gc_sequence, time_ms, complete, covered, key, record, …}
--   epoch     "" also when a part of the data is lost: what is left says nothing of what has changed
--   complete  1 when the index holds nothing after this page
--   covered   the page covers every change up to this sequence

-- Of the largest records these are 48 MiB in Redis' memory; of small ones, more at once would save little: the call is
-- shared by 16 of them.
local RECORDS_AT_ONCE = 16

local after, entries_max, size_max_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local orders_only = ARGV[4] == 'orders'

local meta, failure = read_meta()
if failure then
  return failure
end

-- One more than asked for tells whether anything is left. Without their sequences, which Redis would write and we read,
-- digit by digit.
local found = redis.call('ZRANGEBYSCORE', index_key, '(' .. after, '+inf', 'LIMIT', 0, decimal(entries_max + 1))
local entries = math.min(#found, entries_max)
local complete = #found <= entries_max
local epoch = part_is_lost(meta) and '' or meta.epoch
local reply = { epoch, meta.sequence, meta.gc_sequence, now_ms(), 0, 0 }
local header_size = #reply
local size, size_bytes, covered = header_size, 0, 0

-- Adds a record to the page; returns whether there was room.
local function add(key, record)
  size_bytes = size_bytes + #key + #record
  if size_bytes > size_max_bytes and size > header_size then
    return false
  end
  reply[size + 1] = key
  reply[size + 2] = orders_only and order_of(record) or record
  size = size + 2
  return true
end

-- A few at a time, each of which may have megabytes: asking for all at once could draw gigabytes into memory to return
-- a few megabytes.
local is_full = false
while covered < entries and not is_full do
  local last = math.min(covered + RECORDS_AT_ONCE, entries)
  local records = redis.call('HMGET', data_key, unpack(found, covered + 1, last))
  for i = 1, #records do
    -- An entry without a record is half of something lost; whoever has the other half will mirror it again.
    is_full = records[i] and not add(found[covered + 1], records[i])
    if is_full then
      complete = false
      break
    end
    covered = covered + 1
  end
end
local covered_sequence = covered > 0 and tonumber(redis.call('ZSCORE', index_key, found[covered])) or tonumber(after)
if complete then
  covered_sequence = math.max(meta.sequence, covered > 0 and covered_sequence or 0)
end
reply[5] = complete and 1 or 0
reply[6] = covered_sequence
return reply
