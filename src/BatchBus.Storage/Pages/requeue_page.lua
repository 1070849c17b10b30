-- Marks a page as queued once more, for a sweeper that has just sent its message again.
-- KEYS[1] pages
-- ARGV[1] page, ARGV[2] its entry as the sweeper read it ('' for none), ARGV[3] milliseconds until it may be queued yet again
-- Returns 1, or 0 when the entry has changed since.
-- Invariant: of several sweepers, and of a sweeper and a worker, only one goes on from an entry.
local entry = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if entry ~= ARGV[2] then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local attempt = string.match(entry, '^%a|%d+|(%d+)|') or '0'
redis.call('HSET', KEYS[1], ARGV[1], string.format('q|%.0f|%s|%s', now + tonumber(ARGV[3]), attempt, ARGV[3]))
return 1
