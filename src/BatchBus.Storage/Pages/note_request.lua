-- Notes what whoever has the page next must know of a request: the job that was submitted for it, or the workers that died of it.
-- KEYS[1] record, KEYS[2] pages
-- ARGV[1] field of the request, ARGV[2] the note
-- Returns 1; 0 when the batch is gone.
-- Invariant: what comes after a batch was deleted does not bring its pages back.
if redis.call('HEXISTS', KEYS[1], 'created') == 0 then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
