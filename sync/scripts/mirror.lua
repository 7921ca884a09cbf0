-- Stores those of several records that are newer than what is stored, all in one step.
--
--   ARGV[7]   the sending store's id, as 16 hexadecimal digits
--   ARGV[8]   up to which of its revisions the sending store's outbox is empty with this batch and those before it
--   ARGV[9]   the same number of the batch before this one, if that may not have been taken; 0 if it has been
--   ARGV[10]  1 if no record has been left out because a later one has taken its place
--   ARGV[11…] key, record, key, record, …
--
-- Remembers how much of the sending store's writes Redis has (sync/scripts/delivered.lua), unless a batch before this
-- one was refused: batches come pipelined.
--
-- Returns one of
--   {"OK", epoch, sequence, time_ms, sequence before, position, outcome, detail, position, …}
--       Items have the sequences that follow the one before, but for those that are named, by ascending positions:
--       1, sequence: there already; 2, record: the stored one is newer; 3, record: so it is, and took a sequence, since
--       it had lost its own
--   {"EPOCH", epoch in force or ""}
--   {"CLOCK", time_ms, position of the first item that is too far ahead, time of its version, …}
--       for each item: the 8 bytes of the stored version's time; "" if nothing is stored
--   {"LATE", time_ms}                   the call has been under way for too long
-- Positions are counted from 1.

local delivered = delivered_field(ARGV[7])
local covered, covered_before, is_whole = ARGV[8], ARGV[9], ARGV[10] == '1'

local meta, failure = read_meta(delivered)
if failure then
  return failure
end
if meta.epoch ~= expected_epoch then
  return { 'EPOCH', meta.epoch }
end

local batch, count = { keys = {}, records = {} }, 0
for i = 11, #ARGV, 2 do
  count = count + 1
  batch.keys[count], batch.records[count] = ARGV[i], ARGV[i + 1]
end
failure = count > 0 and missing_right() or load_stored(batch)
if failure then
  return failure
end
local time_ms = now_ms()
if time_ms > not_after_ms then
  return { 'LATE', time_ms }
end
local ahead = ahead_of_clock(batch, time_ms)
if ahead then
  local refusal = { 'CLOCK', time_ms, ahead }
  for i = 1, count do
    refusal[i + 3] = batch.olds[i] and string.sub(batch.olds[i], 1, 8) or ''
  end
  return refusal
end

-- Returns what becomes of an item: an outcome, as above, and its detail; or nil if it is stored.
local function outcome_of(key, record, old)
  local difference = old and compare(record, old) or 1
  if difference > 0 then
    return nil
  end
  local sequence = sequence_of(key)
  if difference < 0 then
    return sequence and 2 or 3, old
  end
  if sequence then
    return 1, sequence
  end
end

-- Returns a batch of what is to be stored: all, or what is left where outcomes were named.
local function without(named)
  if next(named) == nil then
    return batch
  end
  local left, size = { keys = {}, records = {}, olds = {}, damaged = batch.damaged }, 0
  for i = 1, count do
    if not named[i] or named[i] == 3 then
      size = size + 1
      -- The index has lost what is newer: followers who wait for the item find that there.
      left.keys[size], left.olds[size] = batch.keys[i], batch.olds[i]
      left.records[size] = named[i] and batch.olds[i] or batch.records[i]
    end
  end
  return left
end

local reply, named = { 'OK', meta.epoch, 0, time_ms, meta.sequence }, {}
for i = 1, count do
  local outcome, detail = outcome_of(batch.keys[i], batch.records[i], batch.olds[i])
  if outcome then
    named[i] = outcome
    reply[#reply + 1] = i
    reply[#reply + 1] = outcome
    reply[#reply + 1] = detail
  end
end
local accepted = without(named)

-- What Redis has of the store's writes with this batch, for meta; nil if one before was refused.
local function delivered_after()
  local epoch, cursor, whole = parse_delivered(meta.delivered)
  if epoch ~= expected_epoch then
    cursor, whole = '0', '0'
  end
  if covered_before == '0' or covered_before == cursor then
    return expected_epoch .. ':' .. covered .. ':' .. (is_whole and covered or whole)
  end
end

local after = delivered_after()
if #accepted.keys == 0 then
  -- What cannot be remembered (no memory, no right) must not keep the batch from being answered.
  if after then
    redis.pcall('HSET', meta_key, delivered, after)
  end
  reply[3] = meta.sequence
elseif after then
  reply[3] = accept(accepted, meta, delivered, after)
else
  reply[3] = accept(accepted, meta)
end
return reply
