-- Tells how much of what some stores have written Redis has. Writes nothing.
--
--   ARGV[1…]  the stores' ids, of 16 hexadecimal digits
--
-- Returns {epoch or "", sequence, revision, …}
--   epoch     "" also when a part of the data is lost, as in changes.lua
--   revision  of each store: up to which of its own revisions Redis has every write, or what has replaced it; 0 if
--             nothing is known of it in this epoch

local meta, failure = read_meta()
if failure then
  return failure
end
local reply = { part_is_lost(meta) and '' or meta.epoch, meta.sequence }
for i, store_id in ipairs(ARGV) do
  local epoch, _, whole = parse_delivered(redis.call('HMGET', meta_key, delivered_field(store_id))[1] or '')
  reply[i + 2] = epoch == reply[1] and tonumber(whole) or 0
end
return reply
