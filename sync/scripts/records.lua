-- Reads the records of some keys. Writes nothing.
--
--   ARGV[1]  the most bytes of records to return; one is returned even if it is larger
--   ARGV[2…] keys
--
-- Returns {epoch or "", record or "", …}: as many of the keys' records as fit, in their order, "" where there is none

local size_max_bytes = tonumber(ARGV[1])

local meta, failure = read_meta()
if failure then
  return failure
end

local reply, size_bytes = { meta.epoch }, 0
for i = 2, #ARGV do
  local record = redis.call('HGET', data_key, ARGV[i]) or ''
  size_bytes = size_bytes + #record
  if size_bytes > size_max_bytes and i > 2 then
    break
  end
  reply[#reply + 1] = record
end
return reply
