-- Prolongs the claim on a submission, and notes what was submitted.
-- KEYS[1] submission, as claim_submission documents it
-- ARGV[1] batch id, ARGV[2] milliseconds for which the claim is held, ARGV[3] body ('' leaves it as it is)
-- Returns 1, or 0 when the submission is tied to another id by now.
-- Invariant: only the id that a submission is tied to changes it.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local changes = {'held', string.format('%.0f', now + tonumber(ARGV[2]))}
if ARGV[3] ~= '' then
  changes[3], changes[4] = 'body', ARGV[3]
end
redis.call('HSET', KEYS[1], unpack(changes))
return 1
