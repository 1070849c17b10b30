-- Makes an upload a batch.
-- KEYS[1] record
-- ARGV    field, value, … of the record
-- Returns 'committed', also when it already was; 'abandoned' when the upload was given up first.
-- Invariant: of commit and abandon only the first takes effect, so an answer given on either never turns out wrong.
if redis.call('HEXISTS', KEYS[1], 'abandoned') == 1 then
  return 'abandoned'
end
if redis.call('HEXISTS', KEYS[1], 'created') == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV))
end
return 'committed'
