-- What the scripts need of a record (the format is in storage/record.h), after common.lua: its version, whether it is
-- newer than another, and the sum that tells two sets of records apart. Records stay bytes, and of each no more is read
-- than is asked for: taking them apart into tables had cost Redis half as much again (docs/PERFORMANCE.md).

local TWO_32 = 4294967296
-- Version, flags and checksum.
local RECORD_MIN_BYTES = 16 + 1 + 8
local EXPIRY_BYTES = 8
local TOMBSTONE, HAS_EXPIRY = 1, 2

local function has_flag(record, flag)
  return bit.band(string.byte(record, 17), flag) ~= 0
end

local function is_record(bytes)
  return #bytes >= RECORD_MIN_BYTES + EXPIRY_BYTES or
    (#bytes >= RECORD_MIN_BYTES and not has_flag(bytes, HAS_EXPIRY))
end

-- Of the version, in milliseconds.
local function time_ms_of(record)
  local high, low = struct.unpack('>I4I4', record)
  -- A quotient would round: both halves have more bits than a double.
  return high * 65536 + (low - low % 65536) / 65536
end

-- Returns nil for what never expires.
local function expiry_ms_of(record)
  if has_flag(record, HAS_EXPIRY) then
    local high, low = struct.unpack('>I4I4', record, 18)
    return high * TWO_32 + low
  end
end

-- Whether a value has more bytes than that.
local function is_value_above(record, bytes)
  return #record > bytes + RECORD_MIN_BYTES and
    #record > bytes + RECORD_MIN_BYTES + (has_flag(record, HAS_EXPIRY) and EXPIRY_BYTES or 0)
end

-- Compares two records, or the 24 bytes of RecordOrder() (storage/record.h), which begin and end as the record does:
-- above 0 when `a` is the newer one, below 0 when `b` is, 0 when they are the same write.
local function compare(a, b)
  if a == b then
    return 0
  end
  local a_high, a_low = struct.unpack('>I4I4', a)
  local b_high, b_low = struct.unpack('>I4I4', b)
  if a_high == b_high and a_low == b_low then
    -- One time at two stores.
    a_high, a_low = struct.unpack('>I4I4', a, 9)
    b_high, b_low = struct.unpack('>I4I4', b, 9)
  end
  if a_high == b_high and a_low == b_low then
    -- The checksum settles equal versions of different content the same way everywhere.
    a_high, a_low = struct.unpack('>I4I4', a, #a - 7)
    b_high, b_low = struct.unpack('>I4I4', b, #b - 7)
  end
  return a_high ~= b_high and a_high - b_high or a_low - b_low
end

-- The sum of all records' checksums (storage/content_sum.h) lies in meta as 16 hexadecimal digits. It is unknown, nil,
-- where a damaged record was replaced, or an older release wrote: then replicas compare record by record.
local function read_sum(meta)
  if meta.sum == '' then
    return meta.records == 0 and { high = 0, low = 0 } or nil
  end
  local high, low = tonumber(string.sub(meta.sum, 1, 8), 16), tonumber(string.sub(meta.sum, 9, 16), 16)
  return high and low and { high = high, low = low } or nil
end

-- Adds a record to `sum`, or takes it out when `sign` is -1. Exact for two millions of them between two format_sum().
local function add_to_sum(sum, record, sign)
  local high, low = struct.unpack('>I4I4', record, #record - 7)
  sum.high = sum.high + sign * high
  sum.low = sum.low + sign * low
end

local function format_sum(sum)
  return sum and string.format('%08x%08x', sum.high % TWO_32, sum.low % TWO_32) or ''
end
