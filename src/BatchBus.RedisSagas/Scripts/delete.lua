-- Removes a saga if nobody has changed it since it was loaded.
-- KEYS[1]  the saga's hash
-- ARGV[1]  the version that was loaded
-- Returns  1 removed, 0 another version is stored or none (nothing is removed)
-- Invariant: completing a saga cannot erase a change that the completing event has not seen.
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
return 1
