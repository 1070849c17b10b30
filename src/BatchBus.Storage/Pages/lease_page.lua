-- Gives one worker the right to execute a page, for a while.
-- KEYS[1] record, KEYS[2] pages: page → 'kind|expiry|attempt|owner', KEYS[3] results of the lane, as store_results documents them
-- ARGV[1] page, ARGV[2] owner, ARGV[3] lease in milliseconds, ARGV[4] first position, ARGV[5] count
-- Kinds: l leased, d deferred until its expiry, q queued once more by the sweeper.
-- Returns {status, attempt, outcomes of the range, milliseconds until the batch expires}; status: leased, taken (another's lease lives, or it is deferred), finished (every
-- request has a result), closed, canceling, gone.
-- A lease that seems to live for more than a minute is of a time before this server's clock was set back.
-- Invariant: at most one lease of a page lives at any time, by the clock of this server.
local state = redis.call('HMGET', KEYS[1], 'created', 'closed', 'cancel', 'expires')
if not state[1] then
  return {'gone'}
end
if state[2] then
  return {'closed'}
end
local from, count = tonumber(ARGV[4]), tonumber(ARGV[5])
local start = from - from % 32
local outcomes = ''
for position = start, from + count - 1, 32 do
  outcomes = outcomes .. (redis.call('HGET', KEYS[3], string.format('o%.0f', position)) or string.rep('.', 32))
end
outcomes = string.sub(outcomes, from - start + 1, from - start + count)
local _, finished = string.gsub(outcomes, '[se]', '')
if finished == count then
  return {'finished', 0, outcomes}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if state[3] or tonumber(state[4]) <= now * 1000 then
  return {'canceling'}
end
local attempt = 1
local entry = redis.call('HGET', KEYS[2], ARGV[1])
if entry then
  local kind, expiry, attempts = string.match(entry, '^(%a)|(%d+)|(%d+)|')
  local left = tonumber(expiry) - now
  if kind ~= 'q' and left > 0 and left <= 60000 then
    return {'taken'}
  end
  attempt = tonumber(attempts) + 1
end
redis.call('HSET', KEYS[2], ARGV[1], string.format('l|%.0f|%.0f|%s', now + tonumber(ARGV[3]), attempt, ARGV[2]))
return {'leased', attempt, outcomes, math.floor(tonumber(state[4]) / 1000) - now}
