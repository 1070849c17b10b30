-- Gives an upload up, so that a commit that is still under way can no longer take effect.
-- KEYS[1] record
-- ARGV[1] seconds for which the mark is kept
-- Returns 'abandoned', or 'committed' when the commit came first.
-- Invariant: as in commit_batch.
if redis.call('HEXISTS', KEYS[1], 'created') == 1 then
  return 'committed'
end
redis.call('HSET', KEYS[1], 'abandoned', '1')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 'abandoned'
