-- Adds a batch to the requests of a workspace that wait, if there is room.
-- KEYS[1] waiting: batch id → 'requests|when it was added, milliseconds'
-- ARGV[1] batch id, ARGV[2] its requests, ARGV[3] most requests that may wait
-- Returns -1 when it was added, otherwise the requests that wait already.
-- Invariant: of several creates at once no more are let in than there is room for.
local waiting = 0
local entries = redis.call('HVALS', KEYS[1])
for i = 1, #entries do
  waiting = waiting + tonumber(string.match(entries[i], '^%d+'))
end
if waiting + tonumber(ARGV[2]) > tonumber(ARGV[3]) then
  return waiting
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], string.format('%s|%.0f', ARGV[2], time[1] * 1000))
return -1
