-- The heartbeat: where the data stands, and what time it is. Creates the position if there is none, and renews the
-- lease of the asking store.
--
--   KEYS[4]  leases  hash: store id -> boot id, a colon, and until when in milliseconds; and "lowest" -> the lowest id
--                    that holds a lease, a colon, and until when
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
local LOWEST = 'lowest'
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

local function parse_lease(text)
  local holder, until_ms = string.match(text or '', '^(%x+):(%d+)$')
  return holder, tonumber(until_ms)
end

local function format_lease(holder, until_ms)
  return holder .. ':' .. decimal(until_ms)
end

-- Looks through all leases. Returns the lowest id that holds one and until when; forgets those that ended long ago.
local function find_lowest(leases)
  local lowest, lowest_until_ms
  for i = 1, #leases, 2 do
    local id, boot, until_ms = leases[i], parse_lease(leases[i + 1])
    if id == LOWEST then
      -- The result of another look.
    elseif boot and until_ms > time_ms then
      if not lowest or is_lower_id(id, lowest) then
        lowest, lowest_until_ms = id, until_ms
      end
    elseif not boot or until_ms + FORGET_LEASES_AFTER_MS < time_ms then
      redis.pcall('HDEL', leases_key, id)
      redis.pcall('HDEL', meta_key, delivered_field(id))
    end
  end
  return lowest, lowest_until_ms
end

-- Renews the lease of the asking store. Returns the lowest id that held one before, and the lease of another run, or ""
-- for either. A lease that cannot be read or written (no memory, no right, another type) must not keep the heartbeat
-- from its work.
--
-- Looks through all only when a store has none, or when that of the lowest has ended: a thousand replicas that did so
-- with each heartbeat would take more time than Redis has.
local function lease()
  local fields = redis.pcall('HMGET', leases_key, store_id, LOWEST)
  if fields.err then
    return '', ''
  end
  local boot, until_ms = parse_lease(fields[1])
  local lives = boot and until_ms > time_ms
  local lowest, lowest_until_ms = parse_lease(fields[2])
  if not lives or not lowest or lowest_until_ms <= time_ms then
    local leases = redis.pcall('HGETALL', leases_key)
    lowest, lowest_until_ms = find_lowest(leases.err and {} or leases)
  end
  local told = lowest or ''
  if lives and boot ~= boot_id then
    return told, fields[1]
  end
  if not lives or until_ms - time_ms < lease_ms * 2 / 3 then
    until_ms = time_ms + lease_ms
    redis.pcall('HSET', leases_key, store_id, format_lease(boot_id, until_ms))
  end
  if not lowest or lowest == store_id or is_lower_id(store_id, lowest) then
    lowest, lowest_until_ms = store_id, until_ms
  end
  local noted = format_lease(lowest, lowest_until_ms)
  if noted ~= fields[2] then
    redis.pcall('HSET', leases_key, LOWEST, noted)
  end
  return told, ''
end

local lowest, rival = '', ''
if store_id ~= '' then
  lowest, rival = lease()
end

-- Half of a loss, such as an index without data, is not told by the sum.
local sum = meta.entries == meta.records and format_sum(read_sum(meta)) or ''
return { meta.epoch, meta.sequence, meta.gc_sequence, meta.fleet_id, time_ms, created, meta.records, sum, rival,
  lowest ~= '' and lowest == store_id and 1 or 0, math.max(0, meta.records - meta.entries) }
