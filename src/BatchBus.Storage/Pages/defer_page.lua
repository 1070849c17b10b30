-- Gives a lease back unfinished: nobody executes the page before the delay has passed.
-- KEYS[1] pages
-- ARGV[1] page, ARGV[2] owner, ARGV[3] delay in milliseconds, ARGV[4] attempts to take back: 1 where the endpoint failed, not the page
-- Returns 1, or 0 when the lease is another's.
-- Invariant: as in renew_pages.
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry then
  return 0
end
local attempt, owner = string.match(entry, '^l|%d+|(%d+)|(.*)$')
if owner ~= ARGV[2] then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('d|%.0f|%.0f|', now + tonumber(ARGV[3]), tonumber(attempt) - tonumber(ARGV[4])))
return 1
