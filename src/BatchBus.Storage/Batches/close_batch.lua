-- Closes a batch: the last thing that happens to its counts and results.
-- KEYS[1] record, KEYS[2] pages, then per lane that a model executes its results, as store_results documents them
-- ARGV[1] reason: 1 completed, 2 canceled, 3 expired
-- ARGV[2] time, microseconds since 1970; a batch never ends before it was created or canceled, whatever the clocks say
-- ARGV[3] '1' closes although pages are still leased
-- ARGV[4] requests that no model executes; then the number of each lane of KEYS[3..]
-- Returns 'closed', also when it already was; 'gone' when there is no such batch; 'unfinished' when it should be completed but
-- requests have no result; 'leased' when a worker may still deliver results.
-- Invariant: closed once, for one reason, together with the final tallies; store_results refuses from then on.
local state = redis.call('HMGET', KEYS[1], 'created', 'closed', 'total', 'cancel')
if not state[1] then
  return 'gone'
end
if state[2] then
  return 'closed'
end
local finished = tonumber(ARGV[4])
local closed = ARGV[2]
if tonumber(closed) < tonumber(state[4] or state[1]) then
  closed = state[4] or state[1]
end
local changes = {'closed', closed, 'reason', ARGV[1]}
for i = 3, #KEYS do
  local tally = redis.call('HGET', KEYS[i], 'tally')
  if tally then
    local succeeded, errored = string.match(tally, '^(%d+) (%d+)')
    finished = finished + tonumber(succeeded) + tonumber(errored)
    changes[#changes + 1] = 'tally:' .. ARGV[i + 2]
    changes[#changes + 1] = tally
  end
end
if finished == tonumber(state[3]) then
  changes[4] = '1'
elseif ARGV[1] == '1' then
  return 'unfinished'
elseif ARGV[3] ~= '1' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local pages = redis.call('HVALS', KEYS[2])
  for i = 1, #pages do
    local kind, expiry = string.match(pages[i], '^(%a)|(%d+)|')
    if kind == 'l' and tonumber(expiry) > now and tonumber(expiry) <= now + 60000 then
      return 'leased'
    end
  end
end
redis.call('HSET', KEYS[1], unpack(changes))
return 'closed'
