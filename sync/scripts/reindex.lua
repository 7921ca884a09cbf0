-- Finds records that have no entry in the index, and stores them there under new sequences, as if they had just come:
-- one page of a round over the hash. Redis has lost its index, and of most records replicas will tell it again; but one
-- that none of them holds nobody would ever read.
--
--   ARGV[7]  where to go on, as HSCAN counts it; "0" begins a round
--   ARGV[8]  after how many records the page ends
--   ARGV[9]  after how many bytes of keys and records it ends
--
-- Returns {"OK", epoch, how many were found, where to go on, "0" at the end of the round} or
--         {"EPOCH", epoch in force or ""}

local cursor, records_max, size_max_bytes = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
-- Few at a time: values come with the keys. And no more often than that: of a table that is nearly empty each call
-- looks at ten times as many places, and finds nothing.
local SCAN_COUNT, SCANS_MAX = '4', 500

local meta, failure = read_meta()
if failure then
  return failure
end
if meta.epoch ~= expected_epoch then
  return { 'EPOCH', meta.epoch }
end
failure = missing_right()
if failure then
  return failure
end

-- What is stored is what is to be stored.
local found, seen, records, size_bytes, scans = { keys = {}, records = {}, damaged = {} }, {}, 0, 0, 0
found.olds = found.records
repeat
  scans = scans + 1
  local page = redis.call('HSCAN', data_key, cursor, 'COUNT', SCAN_COUNT)
  cursor = page[1]
  for i = 1, #page[2], 2 do
    local key, record = page[2][i], page[2][i + 1]
    records = records + 1
    size_bytes = size_bytes + #key + #record
    -- A damaged one has no version to tell: any replica can replace it. And HSCAN may tell a key twice.
    if is_record(record) and not seen[key] and not redis.call('ZSCORE', index_key, key) then
      seen[key] = true
      found.keys[#found.keys + 1] = key
      found.records[#found.records + 1] = record
    end
  end
until cursor == '0' or records >= records_max or size_bytes >= size_max_bytes or scans >= SCANS_MAX
accept(found, meta)
return { 'OK', meta.epoch, #found.keys, cursor }
