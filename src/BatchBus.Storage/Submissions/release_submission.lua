-- Forgets a submission that came to nothing.
-- KEYS[1] submission, as claim_submission documents it
-- ARGV[1] batch id
-- Returns 1, or 0 when the submission is tied to another id by now.
-- Invariant: as in hold_submission.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
