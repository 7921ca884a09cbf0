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
local complete = entries_found <= entries_max
local covered = tonumber(after)
local size_bytes, page = 0, {}
for i = 1, math.min(entries_found, entries_max) do
  local key, sequence = found[2 * i - 1], tonumber(found[2 * i])
  -- One at a time: asking for all at once could draw gigabytes into memory to return a few megabytes.
  local record = redis.call('HGET', data_key, key)
  -- An entry without a record is half of something lost; whoever has the other half will mirror it again.
  if record then
    size_bytes = size_bytes + #key + #record
    if size_bytes > size_max_bytes and #page > 0 then
      complete = false
      break
    end
    page[#page + 1] = sequence
    page[#page + 1] = key
    page[#page + 1] = orders_only and string.sub(record, 1, 16) .. string.sub(record, -8) or record
  end
  covered = sequence
end
if complete then
  covered = math.max(meta.sequence, entries_found > 0 and covered or 0)
end

local epoch = part_is_lost(meta) and '' or meta.epoch
local reply = { epoch, meta.sequence, meta.gc_sequence, now_ms(), complete and 1 or 0, covered }
for i = 1, #page do
  reply[#reply + 1] = page[i]
end
return reply
