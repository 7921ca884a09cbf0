-- What the scripts need of a record (the format is in storage/record.h), after common.lua: its version, whether it is
-- newer than another, and the sum that tells two sets of records apart. Records stay bytes, and of each no more is read
-- than is asked for: taking them apart into tables had cost Redis half as much again (docs/PERFORMANCE.md).

local TWO_32 = 4294967296
-- Version, flags and the shorter checksum.
local RECORD_MIN_BYTES = 16 + 1 + 7
local EXPIRY_BYTES = 8
local TOMBSTONE, HAS_EXPIRY = 1, 2
-- Flags below that are those of a record of format 0, whose checksum has 8 bytes; of later ones it has 7.
local FORMAT_1 = 16

local function has_flag(record, flag)
  return bit.band(string.byte(record, 17), flag) ~= 0
end

-- How many bytes a record has beside its value.
local function overhead_of(record)
  local flags = string.byte(record, 17)
  return RECORD_MIN_BYTES + (flags < FORMAT_1 and 1 or 0) + (bit.band(flags, HAS_EXPIRY) ~= 0 and EXPIRY_BYTES or 0)
end

local function is_record(bytes)
  return #bytes > RECORD_MIN_BYTES + EXPIRY_BYTES or (#bytes >= RECORD_MIN_BYTES and #bytes >= overhead_of(bytes))
end

-- Returns a record's checksum, as its upper and its lower half.
local function checksum_of(record)
  if string.byte(record, 17) < FORMAT_1 then
    return struct.unpack('>I4I4', record, #record - 7)
  end
  return struct.unpack('>I3I4', record, #record - 6)
end

-- Returns the 24 bytes of RecordOrder() (storage/record.h), the version and the checksum; less of what is no record.
local function order_of(record)
  if not is_record(record) then
    return string.sub(record, 1, 16)
  end
  return string.sub(record, 1, 16) .. struct.pack('>I4I4', checksum_of(record))
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
  return #record > bytes + RECORD_MIN_BYTES and #record > bytes + overhead_of(record)
end

-- Compares the versions with which records, or their orders, begin: above 0 when that of `a` is the newer one, below 0
-- when that of `b` is.
local function compare_versions(a, b)
  local a_high, a_low = struct.unpack('>I4I4', a)
  local b_high, b_low = struct.unpack('>I4I4', b)
  if a_high == b_high and a_low == b_low then
    -- One time at two stores.
    a_high, a_low = struct.unpack('>I4I4', a, 9)
    b_high, b_low = struct.unpack('>I4I4', b, 9)
  end
  return a_high ~= b_high and a_high - b_high or a_low - b_low
end

-- Compares two records, in the same way; 0 when they are the same write.
local function compare(a, b)
  if a == b then
    return 0
  end
  local difference = compare_versions(a, b)
  if difference ~= 0 then
    return difference
  end
  -- The checksum settles equal versions of different content the same way everywhere.
  local a_high, a_low = checksum_of(a)
  local b_high, b_low = checksum_of(b)
  return a_high ~= b_high and a_high - b_high or a_low - b_low
end

-- The same of the order of one record and another record.
local function compare_order(order, record)
  local difference = compare_versions(order, record)
  if difference ~= 0 then
    return difference
  end
  local a_high, a_low = struct.unpack('>I4I4', order, 17)
  local b_high, b_low = checksum_of(record)
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
  local high, low = checksum_of(record)
  sum.high = sum.high + sign * high
  sum.low = sum.low + sign * low
end

local function format_sum(sum)
  return sum and string.format('%08x%08x', sum.high % TWO_32, sum.low % TWO_32) or ''
end
