-- Closes a batch: the last thing that happens to its counts and results.
-- KEYS[1] record, KEYS[2] pages
-- ARGV[1] reason: 1 completed, 2 canceled, 3 expired
-- ARGV[2] time, microseconds since 1970
-- ARGV[3] '1' closes although pages are still leased
-- Returns 'closed', also when it already was; 'gone' when there is no such batch; 'unfinished' when it should be completed but
-- requests have no result; 'leased' when a worker may still deliver results.
-- Invariant: closed once, for one reason; store_results refuses from then on, so the counts are final.
local state = redis.call('HMGET', KEYS[1], 'created', 'closed', 'total')
if not state[1] then
  return 'gone'
end
if state[2] then
  return 'closed'
end
local finished = 0
local values = redis.call('HGETALL', KEYS[1])
for i = 1, #values, 2 do
  local kind = string.sub(values[i], 1, 2)
  if kind == 's:' or kind == 'e:' then
    finished = finished + tonumber(values[i + 1])
  end
end
local reason = ARGV[1]
if finished == tonumber(state[3]) then
  reason = '1'
elseif reason == '1' then
  return 'unfinished'
elseif ARGV[3] ~= '1' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local pages = redis.call('HVALS', KEYS[2])
  for i = 1, #pages do
    local kind, expiry = string.match(pages[i], '^(%a)|(%d+)|')
    if kind == 'l' and tonumber(expiry) > now then
      return 'leased'
    end
  end
end
redis.call('HSET', KEYS[1], 'closed', ARGV[2], 'reason', reason)
return 'closed'
