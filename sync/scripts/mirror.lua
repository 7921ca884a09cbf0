-- Stores those of several records that are newer than what is stored, all in one step.
--
--   ARGV[7]   up to which of its revisions the sending store's outbox is empty with this batch and those before it
--   ARGV[8]   the same number of the batch before this one, if that may not have been taken; 0 if it has been
--   ARGV[9]   1 if no record has been left out because a later one has taken its place
--   ARGV[10…] key, record, key, record, …
--
-- Remembers how much of the sending store's writes Redis has (sync/scripts/delivered.lua), unless a batch before this
-- one was refused: batches come pipelined.
--
-- Returns one of
--   {"OK", epoch, sequence, time_ms, {0, sequence} | {1, sequence} | {2, record}, …}
--       for each item: stored; there already; the stored record is newer
--   {"EPOCH", epoch in force or ""}
--   {"CLOCK", time_ms, position of the first item that is too far ahead, time of its version, …}
--       for each item: the 8 bytes of the stored version's time; "" if nothing is stored
--   {"LATE", time_ms}                   the call has been under way for too long

local meta, failure = read_meta()
if failure then
  return failure
end
if meta.epoch ~= expected_epoch then
  return { 'EPOCH', meta.epoch }
end

local items = {}
for i = 10, #ARGV, 2 do
  items[#items + 1] = { key = ARGV[i], record = ARGV[i + 1] }
end
failure = #items > 0 and missing_right() or load_stored(items)
if failure then
  return failure
end
local time_ms = now_ms()
if time_ms > not_after_ms then
  return { 'LATE', time_ms }
end
local ahead = ahead_of_clock(items, time_ms)
if ahead then
  local refusal = { 'CLOCK', time_ms, ahead }
  for _, item in ipairs(items) do
    refusal[#refusal + 1] = string.sub(item.old_record, 1, 8)
  end
  return refusal
end

local accepted, answers = {}, {}
for i, item in ipairs(items) do
  local difference = item.old and compare(item.new, item.old) or 1
  local known_sequence = difference == 0 and sequence_of(item)
  if difference < 0 then
    answers[i] = { 2, item.old_record }
    if not sequence_of(item) then
      -- The index has lost what is newer: followers who wait for the item find it there.
      accepted[#accepted + 1] = { key = item.key, record = item.old_record, new = item.old, old = item.old,
        old_record = item.old_record }
    end
  elseif known_sequence then
    answers[i] = { 1, known_sequence }
  else
    accepted[#accepted + 1] = item
    answers[i] = { 0, meta.sequence + #accepted }
  end
end

local function hexadecimal(bytes)
  return (string.gsub(bytes, '.', function(byte)
    return string.format('%02x', string.byte(byte))
  end))
end

-- What cannot be remembered (no memory, no right) must not keep the batch from being stored.
local function note_delivered(covered, covered_before, is_whole)
  local field = delivered_field(hexadecimal(origin))
  local epoch, cursor, whole = parse_delivered(redis.pcall('HMGET', meta_key, field)[1] or '')
  if epoch ~= expected_epoch then
    cursor, whole = '0', '0'
  end
  if covered_before == '0' or covered_before == cursor then
    redis.pcall('HSET', meta_key, field, expected_epoch .. ':' .. covered .. ':' .. (is_whole and covered or whole))
  end
end

local reply = { 'OK', meta.epoch, accept(accepted, meta), time_ms }
for i = 1, #answers do
  reply[#reply + 1] = answers[i]
end
note_delivered(ARGV[7], ARGV[8], ARGV[9] == '1')
return reply
