-- Notes that a request is about to be executed alone.
-- KEYS[1] record, KEYS[2] pages
-- ARGV[1] field of the request
-- Returns how often that was noted and not taken back; 0 when the batch is gone.
-- Invariant: what comes after a batch was deleted does not bring its pages back.
if redis.call('HEXISTS', KEYS[1], 'created') == 0 then
  return 0
end
return redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
