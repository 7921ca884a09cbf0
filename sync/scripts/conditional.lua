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

local item = { key = ARGV[7], record = ARGV[8] }
local items = { item }
failure = missing_right() or load_stored(items)
if failure then
  return failure
end
local time_ms = now_ms()

local difference = item.old and compare(item.new, item.old) or 1
local known_sequence = difference == 0 and sequence_of(item)
if known_sequence then
  return { 'OK', meta.epoch, known_sequence, time_ms }
end
if time_ms > not_after_ms then
  return { 'LATE', time_ms }
end

local function condition_holds()
  local live = item.old and not item.old.tombstone and not (item.old.expiry_ms and item.old.expiry_ms <= time_ms)
  if ARGV[9] == 'absent' then
    return not live
  end
  return live and string.sub(item.old_record, 1, 16) == ARGV[10]
end

-- A record that is there but has lost its place in the index is ours: the condition was judged when it was written.
if difference ~= 0 and not condition_holds() then
  return { 'CONDITION', item.old_record }
end
if difference < 0 then
  return { 'STALE', item.old_record }
end
if ahead_of_clock(items, time_ms) then
  return { 'CLOCK', time_ms }
end
return { 'OK', meta.epoch, accept(items, meta), time_ms }
