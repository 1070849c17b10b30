-- Prolongs a worker's leases on pages of one batch.
-- KEYS[1] record, KEYS[2] pages
-- ARGV[1] owner, ARGV[2] lease in milliseconds, then the pages
-- Returns {state, renewed, …}: state is open, canceling, closed or gone; renewed is 1 per page that the owner still holds, 0 per page that
-- somebody else has or may take, -1 per page of which nothing is left, as once it was reported.
-- Invariant: a lease that another owner took is not touched. One that lapsed untaken is still the owner's.
local state = redis.call('HMGET', KEYS[1], 'created', 'closed', 'cancel', 'expires')
if not state[1] then
  return {'gone'}
end
if state[2] then
  return {'closed'}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {(state[3] or tonumber(state[4]) <= now * 1000) and 'canceling' or 'open'}
for i = 3, #ARGV do
  local entry = redis.call('HGET', KEYS[2], ARGV[i])
  local attempt, owner
  if entry then
    attempt, owner = string.match(entry, '^l|%d+|(%d+)|(.*)$')
  end
  if owner == ARGV[1] then
    redis.call('HSET', KEYS[2], ARGV[i], string.format('l|%.0f|%s|%s', now + tonumber(ARGV[2]), attempt, owner))
    answer[#answer + 1] = 1
  else
    answer[#answer + 1] = entry and 0 or -1
  end
end
return answer
