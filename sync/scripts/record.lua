-- What the scripts need of a record (the format is in storage/record.h), after common.lua: its version, whether it is
-- newer than another, and the sum that tells two sets of records apart.

local TWO_32 = 4294967296
-- Version, flags and checksum.
local RECORD_MIN_BYTES = 16 + 1 + 8

-- Returns what the scripts need of a record (the format is in storage/record.h), nil for bytes that are none.
local function parse(record)
  if #record < RECORD_MIN_BYTES then
    return nil
  end
  local time_high, time_low, origin_high, origin_low, flags = struct.unpack('>I4I4I4I4B', record)
  local checksum_high, checksum_low = struct.unpack('>I4I4', record, #record - 7)
  local parsed = {
    -- The version, then the checksum, which settles equal versions of different content the same way everywhere.
    order = { time_high, time_low, origin_high, origin_low, checksum_high, checksum_low },
    time_ms = time_high * 65536 + math.floor(time_low / 65536),
    tombstone = bit.band(flags, 1) ~= 0,
    value_bytes = #record - RECORD_MIN_BYTES,
  }
  if bit.band(flags, 2) ~= 0 then
    if parsed.value_bytes < 8 then
      return nil
    end
    local expiry_high, expiry_low = struct.unpack('>I4I4', record, 18)
    parsed.expiry_ms = expiry_high * TWO_32 + expiry_low
    parsed.value_bytes = parsed.value_bytes - 8
  end
  return parsed
end

-- Compares two parsed records: above 0 when `a` is the newer one, below 0 when `b` is, 0 when they are the same write.
local function compare(a, b)
  for i = 1, 6 do
    if a.order[i] ~= b.order[i] then
      return a.order[i] - b.order[i]
    end
  end
  return 0
end

-- As parse(), for the 24 bytes of RecordOrder() (storage/record.h).
local function parse_order(order)
  if #order ~= 24 then
    return nil
  end
  return { order = { struct.unpack('>I4I4I4I4I4I4', order) } }
end

-- The sum of all records' checksums (storage/content_sum.h) lies in meta as 16 hexadecimal digits. It is unknown, nil,
-- where a damaged record was replaced, or an older release wrote: then replicas compare record by record.
local function read_sum(text)
  if text == '' then
    return redis.call('HLEN', data_key) == 0 and { high = 0, low = 0 } or nil
  end
  local high, low = tonumber(string.sub(text, 1, 8), 16), tonumber(string.sub(text, 9, 16), 16)
  return high and low and { high = high, low = low } or nil
end

-- Adds a parsed record to `sum`, or takes it out when `sign` is -1.
local function add_to_sum(sum, record, sign)
  sum.high = (sum.high + sign * record.order[5]) % TWO_32
  sum.low = (sum.low + sign * record.order[6]) % TWO_32
end

local function format_sum(sum)
  return sum and string.format('%08x%08x', sum.high, sum.low) or ''
end
