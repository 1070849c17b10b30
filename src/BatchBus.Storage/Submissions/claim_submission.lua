-- Ties a submission to a batch id.
-- KEYS[1] submission
-- ARGV[1] batch id, ARGV[2] the id that it replaces ('' for none), ARGV[3] seconds for which it is remembered
-- Returns the batch id that the submission is tied to now.
-- Invariant: of several that claim at once one wins, and all hear of the same id.
local id = redis.call('GET', KEYS[1])
if id and id ~= ARGV[2] then
  return id
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return ARGV[1]
