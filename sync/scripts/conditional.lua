-- Stores one record if a condition on what is stored holds.
--
--   ARGV[7]   key
--   ARGV[8]   record
--   ARGV[9]   "absent": there is no record, a tombstone or an expired one
--             "version": there is a live record of exactly the version in ARGV[10], 16 bytes
--
-- Returns one of
--   {"OK", epoch, sequence of the record, time_ms}       also when this very record is there already: a repetition
--   {"CONDITION", stored record or ""}                   the condition does not hold
--   {"STALE", stored record}                             it holds, but the stored version is the higher one
--   {"EPOCH", epoch in force or ""}
--   {"CLOCK", time_ms}                                   the version is too far ahead
--   {"LATE", time_ms}                                    the call has been under way for too long

local meta, failure = read_meta()
if failure then
  return failure
end
if meta.epoch ~= expected_epoch then
  return { 'EPOCH', meta.epoch }
end

local key, record = ARGV[7], ARGV[8]
local batch = { keys = { key }, records = { record } }
failure = missing_right() or load_stored(batch)
if failure then
  return failure
end
local old, time_ms = batch.olds[1], now_ms()

local difference = old and compare(record, old) or 1
local known_sequence = difference == 0 and sequence_of(key)
if known_sequence then
  return { 'OK', meta.epoch, known_sequence, time_ms }
end
if time_ms > not_after_ms then
  return { 'LATE', time_ms }
end

local function condition_holds()
  local expiry_ms = old and expiry_ms_of(old)
  local live = old and not has_flag(old, TOMBSTONE) and not (expiry_ms and expiry_ms <= time_ms)
  if ARGV[9] == 'absent' then
    return not live
  end
  return live and string.sub(old, 1, 16) == ARGV[10]
end

-- A record that is there but has lost its place in the index is ours: the condition was judged when it was written.
if difference ~= 0 and not condition_holds() then
  return { 'CONDITION', old or '' }
end
if difference < 0 then
  return { 'STALE', old }
end
if ahead_of_clock(batch, time_ms) then
  return { 'CLOCK', time_ms }
end
return { 'OK', meta.epoch, accept(batch, meta), time_ms }
