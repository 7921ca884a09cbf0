-- The heartbeat: where the data stands, and what time it is. Creates the position if there is none.
--
--   ARGV[1]  the epoch to begin with if there is none; "" creates nothing
--   ARGV[2]  the fleet id to begin with
--
-- Returns {epoch or "", sequence, gc_sequence, fleet_id, time_ms, created}

local proposed_epoch, proposed_fleet_id = ARGV[1], ARGV[2]

local meta, failure = read_meta()
if failure then
  return failure
end

local created = 0
if meta.epoch == '' and proposed_epoch ~= '' then
  -- Meta may be lost while the index is not: sequences must not be given out twice.
  local last = redis.call('ZREVRANGE', index_key, 0, 0, 'WITHSCORES')
  meta.sequence = math.max(meta.sequence, tonumber(last[2]) or 0)
  meta.epoch = proposed_epoch
  if meta.fleet_id == '' then
    meta.fleet_id = proposed_fleet_id
  end
  redis.call('HSET', meta_key, 'format', FORMAT, 'epoch', meta.epoch, 'sequence', decimal(meta.sequence),
    'fleet_id', meta.fleet_id)
  created = 1
end
return { meta.epoch, meta.sequence, meta.gc_sequence, meta.fleet_id, now_ms(), created }
