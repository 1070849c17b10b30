-- Notes something about a batch once.
-- KEYS[1] record
-- ARGV[1] field, ARGV[2] value
-- Returns 1, also when it was noted before; 0 when there is no such batch.
-- Invariant: what comes after a batch was deleted does not bring its record back.
if redis.call('HEXISTS', KEYS[1], 'created') == 0 then
  return 0
end
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
return 1
