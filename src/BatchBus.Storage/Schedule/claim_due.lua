-- Takes entries of the schedule that are due and puts them off, so that of several sweepers one visits each.
-- KEYS[1] schedule: batch id → when it wants a visit, milliseconds
-- ARGV[1] now, ARGV[2] until when the visitor has time, ARGV[3] most entries to take
-- Returns the batch ids.
-- Invariant: an entry is never removed here; a visitor that dies leaves it due again at ARGV[2].
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for i = 1, #due do
  redis.call('ZADD', KEYS[1], ARGV[2], due[i])
end
return due
