-- Replaces a saga's document if nobody has changed the saga since it was loaded.
-- KEYS[1]  the saga's hash
-- ARGV[1]  the version that was loaded
-- ARGV[2]  the next version
-- ARGV[3]  the next document
-- Returns  1 replaced, 0 another version is stored or none (nothing is written)
-- Invariant: every stored version was computed from the one before it; no update is lost. The time to live is left alone.
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'document', ARGV[3])
return 1
