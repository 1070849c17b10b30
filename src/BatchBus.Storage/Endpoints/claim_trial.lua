-- Claims the next trial of an endpoint that is out of use.
-- KEYS[1] endpoint, as share_endpoint documents it
-- ARGV[1] now, ARGV[2] milliseconds between two trials
-- Returns 1, or 0 when it was tried too recently.
-- Invariant: over all workers, one trial is claimed in each interval.
local last = tonumber(redis.call('HGET', KEYS[1], 'trial') or '0')
local now = tonumber(ARGV[1])
if last <= now and last + tonumber(ARGV[2]) > now then
  return 0
end
redis.call('HSET', KEYS[1], 'trial', ARGV[1])
return 1
