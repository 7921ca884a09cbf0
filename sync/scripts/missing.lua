-- Tells which of several records are to be sent: those that Redis lacks, has in an older version, or has lost from the
-- index. Writes nothing. So a replica that refills Redis sends the versions of all it has, and values only where
-- needed.
--
--   ARGV[1]  the epoch that the sender believes in
--   ARGV[2…] key, the 24 bytes of its RecordOrder() (storage/record.h), key, …
--
-- Returns {"OK", epoch, position, …}, the positions counted from 1, or {"EPOCH", epoch in force or ""}

local meta, failure = read_meta()
if failure then
  return failure
end
if meta.epoch ~= ARGV[1] then
  return { 'EPOCH', meta.epoch }
end

local reply = { 'OK', meta.epoch }
for i = 2, #ARGV, 2 do
  local key, theirs = ARGV[i], ARGV[i + 1]
  local ours = redis.call('HGET', data_key, key)
  local difference = ours and is_record(ours) and compare_order(theirs, ours) or 1
  if difference > 0 or not redis.call('ZSCORE', index_key, key) then
    reply[#reply + 1] = i / 2
  end
end
return reply
