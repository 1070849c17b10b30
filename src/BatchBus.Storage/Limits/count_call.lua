-- Counts one call in a window that begins with the first.
-- KEYS[1] counter
-- ARGV[1] most calls in a window, ARGV[2] milliseconds of a window
-- Returns 0 when the call is within the limit, otherwise the milliseconds until the window ends.
-- Invariant: a counter never lives without an end.
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
if count > tonumber(ARGV[1]) then
  return math.max(left, 1)
end
return 0
