-- Begins a new epoch, if the one that the caller knows is still in force.
--
--   ARGV[1]  the epoch that must be in force; "" if there must be none
--   ARGV[2]  the new epoch
--   ARGV[3]  the sequence is raised to this
--
-- Returns {epoch, sequence} in force now, whoever set them

local expected_epoch, next_epoch, minimum_sequence = ARGV[1], ARGV[2], tonumber(ARGV[3])

local meta, failure = read_meta()
if failure then
  return failure
end
if meta.epoch ~= expected_epoch then
  return { meta.epoch, meta.sequence }
end
local last = redis.call('ZREVRANGE', index_key, 0, 0, 'WITHSCORES')
local sequence = math.max(meta.sequence, minimum_sequence, tonumber(last[2]) or 0)
if part_is_lost(meta) then
  redis.call('HSET', meta_key, 'sum', '')
end
redis.call('HSET', meta_key, 'format', FORMAT, 'epoch', next_epoch, 'sequence', decimal(sequence), 'sizes',
  format_sizes(meta.records, meta.entries, sequence))
return { next_epoch, sequence }
