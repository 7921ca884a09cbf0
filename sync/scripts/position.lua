-- The heartbeat: where the data stands, and what time it is. Creates the position if there is none, and renews the
-- lease of the asking store.
--
--   KEYS[4]  leases  hash: store id -> boot id, a colon, and until when in milliseconds
--   ARGV[1]  the epoch to begin with if there is none, or records or index entries are lost; "" creates nothing
--   ARGV[2]  the fleet id to begin with
--   ARGV[3]  the id of the asking store; "" for no lease
--   ARGV[4]  the id of this run of it
--   ARGV[5]  how long the lease lasts, in milliseconds
--
-- Returns {epoch or "", sequence, gc_sequence, fleet_id, time_ms, created, records, sum or "", rival, caretaker,
--          unindexed}
--   records, sum  what the data holds (storage/content_sum.h); no sum if that is not known
--   rival         the lease of another run under the same store id, "" if there is none. It may be of a run that has
--                 ended: one that goes on renews its lease
--   caretaker     1 if the asking store is the one that does what one has to do for all, such as to remove old
--                 tombstones: the lowest id that holds a lease
--   unindexed     how many records have no entry in the index, at least

local proposed_epoch, proposed_fleet_id, store_id, boot_id = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local lease_ms = tonumber(ARGV[5])
local leases_key = KEYS[4]
local FORGET_LEASES_AFTER_MS = 24 * 60 * 60 * 1000

local meta, failure = read_meta()
if failure then
  return failure
end
local time_ms = now_ms()

-- A part that is lost is as good as everything: only a new epoch makes all replicas bring it back.
local part_lost = meta.epoch ~= '' and part_is_lost(meta)
local created = 0
if (meta.epoch == '' or part_lost) and proposed_epoch ~= '' then
  -- Meta may be lost while the index is not: sequences must not be given out twice.
  local last = redis.call('ZREVRANGE', index_key, 0, 0, 'WITHSCORES')
  meta.sequence = math.max(meta.sequence, tonumber(last[2]) or 0)
  meta.epoch = proposed_epoch
  if meta.fleet_id == '' then
    meta.fleet_id = proposed_fleet_id
  end
  if part_lost then
    meta.sum = ''
  end
  redis.call('HSET', meta_key, 'format', FORMAT, 'epoch', meta.epoch, 'sequence', decimal(meta.sequence),
    'fleet_id', meta.fleet_id, 'sum', meta.sum, 'sizes', format_sizes(meta.records, meta.entries, meta.sequence))
  created = 1
end

-- Ids are 16 hexadecimal digits: too many for one exact number.
local function is_lower_id(a, b)
  local a_high, b_high = tonumber(string.sub(a, 1, 8), 16) or 0, tonumber(string.sub(b, 1, 8), 16) or 0
  local a_low, b_low = tonumber(string.sub(a, 9), 16) or 0, tonumber(string.sub(b, 9), 16) or 0
  return a_high < b_high or (a_high == b_high and a_low < b_low)
end

-- A lease that cannot be read or written (no memory, no right, another type) must not keep the heartbeat from its work.
local function lease()
  local lowest, rival = '', ''
  local all = redis.pcall('HGETALL', leases_key)
  if all.err then
    return lowest, rival
  end
  local left_ms = 0
  for i = 1, #all, 2 do
    local id = all[i]
    local boot, until_ms = string.match(all[i + 1], '^(%x+):(%d+)$')
    local lives = boot and tonumber(until_ms) > time_ms
    if id == store_id and lives and boot ~= boot_id then
      rival = all[i + 1]
    elseif id == store_id and lives then
      left_ms = tonumber(until_ms) - time_ms
    end
    if lives and (lowest == '' or is_lower_id(id, lowest)) then
      lowest = id
    end
    if not lives and (not boot or tonumber(until_ms) + FORGET_LEASES_AFTER_MS < time_ms) then
      redis.pcall('HDEL', leases_key, id)
      redis.pcall('HDEL', meta_key, delivered_field(id))
    end
  end
  if rival == '' and left_ms < lease_ms * 2 / 3 then
    redis.pcall('HSET', leases_key, store_id, boot_id .. ':' .. decimal(time_ms + lease_ms))
  end
  return lowest, rival
end

local lowest, rival = '', ''
if store_id ~= '' then
  lowest, rival = lease()
end

-- Half of a loss, such as an index without data, is not told by the sum.
local sum = meta.entries == meta.records and format_sum(read_sum(meta)) or ''
return { meta.epoch, meta.sequence, meta.gc_sequence, meta.fleet_id, time_ms, created, meta.records, sum, rival,
  lowest ~= '' and lowest == store_id and 1 or 0, math.max(0, meta.records - meta.entries) }
