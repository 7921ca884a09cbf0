-- Removes tombstones, and records that have expired, which reached Redis longer ago than the horizon: one page of a
-- round over the index.
--
-- When something reached Redis is told by its sequence: meta's "history" holds which sequence was reached at which time
-- of Redis' own clock, as "ms:sequence ms:sequence …", oldest first. What a replica's clock said does not matter, and
-- what was deleted long ago but has only now come here stays for another horizon.
--
--   ARGV[1]  the epoch that the sender believes in
--   ARGV[2]  the horizon, in milliseconds
--   ARGV[3]  how far apart the samples of the history are, in milliseconds
--   ARGV[4]  the sequence after which to go on; 0 begins a round
--   ARGV[5]  the most entries to look at
--
-- Returns {"OK", epoch, removed, sequence after which to go on, 0 at the end of the round, time_ms} or
--         {"EPOCH", epoch in force or ""}

local expected_epoch, horizon_ms, sample_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local after, entries_max = ARGV[4], tonumber(ARGV[5])

local meta, failure = read_meta()
if failure then
  return failure
end
if meta.epoch ~= expected_epoch then
  return { 'EPOCH', meta.epoch }
end
local time_ms = now_ms()

local samples = {}
for ms, sequence in string.gmatch(redis.call('HMGET', meta_key, 'history')[1] or '', '(%d+):(%d+)') do
  samples[#samples + 1] = { ms = tonumber(ms), sequence = tonumber(sequence) }
end
-- A clock that was set back adds nothing until it has passed the last sample again.
local last = samples[#samples]
local noted = not last or (time_ms >= last.ms + sample_ms and meta.sequence > last.sequence)
if noted then
  samples[#samples + 1] = { ms = time_ms, sequence = meta.sequence }
end
while #samples > 1 and samples[2].ms <= time_ms - horizon_ms do
  table.remove(samples, 1)
end
if noted then
  local texts = {}
  for i, sample in ipairs(samples) do
    texts[i] = decimal(sample.ms) .. ':' .. decimal(sample.sequence)
  end
  redis.call('HSET', meta_key, 'history', table.concat(texts, ' '))
end
if samples[1].ms > time_ms - horizon_ms then
  return { 'OK', meta.epoch, 0, 0, time_ms }
end
local horizon_sequence = samples[1].sequence

local found = redis.call('ZRANGEBYSCORE', index_key, '(' .. after, decimal(horizon_sequence), 'WITHSCORES', 'LIMIT', 0,
  decimal(entries_max))
local sum = read_sum(meta)
local removed, gc_sequence = {}, meta.gc_sequence
for i = 1, #found, 2 do
  local key, sequence = found[i], tonumber(found[i + 1])
  local record = redis.call('HGET', data_key, key)
  local expiry_ms = record and is_record(record) and (has_flag(record, TOMBSTONE) and 0 or expiry_ms_of(record))
  if expiry_ms and expiry_ms <= time_ms - horizon_ms then
    removed[#removed + 1] = key
    gc_sequence = sequence
    if sum then
      add_to_sum(sum, record, -1)
    end
  end
end
if #removed > 0 then
  local records, entries = expected_sizes(meta)
  records = records - redis.call('HDEL', data_key, unpack(removed))
  entries = entries - redis.call('ZREM', index_key, unpack(removed))
  -- Whoever has applied less than gc_sequence must not merge any more: it may hold what these tombstones have deleted.
  redis.call('HSET', meta_key, 'gc_sequence', decimal(math.max(gc_sequence, meta.gc_sequence)), 'sum', format_sum(sum),
    'sizes', format_sizes(records, entries, meta.sequence))
end
local at_end = #found < 2 * entries_max
return { 'OK', meta.epoch, #removed, at_end and 0 or tonumber(found[#found]), time_ms }
