-- Replaces what is known of a batch's webhook.
-- KEYS[1] record
-- ARGV[1] what was known, empty for nothing; ARGV[2] what is known now
-- Returns 1; 0 when there is no such batch, or another has replaced it first.
-- Invariant: of several who would make an attempt one does; what comes after a batch was deleted does not bring its record back.
local state = redis.call('HMGET', KEYS[1], 'created', 'webhook:state')
if not state[1] or (state[2] or '') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'webhook:state', ARGV[2])
return 1
