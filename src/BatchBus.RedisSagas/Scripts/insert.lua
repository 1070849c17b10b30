-- Creates a saga unless it exists.
-- KEYS[1]  the saga's hash
-- ARGV[1]  its first version
-- ARGV[2]  its document
-- ARGV[3]  milliseconds until it expires, 0 for never
-- Returns  1 created, 0 there is one already (nothing is written)
-- Invariant: one life of a saga has one creation; a duplicate of the message that started it cannot reset it.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'document', ARGV[2])
if ARGV[3] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
