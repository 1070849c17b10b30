-- Ties a submission to a batch id.
-- KEYS[1] submission: hash of id, since, held until (milliseconds by this server's clock) and body (hash of what was submitted)
-- ARGV[1] batch id, ARGV[2] the id that it replaces ('' for none, '*' for any), ARGV[3] seconds for which it is remembered,
-- ARGV[4] milliseconds for which the claim is held
-- Returns what the submission is tied to now: {batch id, body or '', milliseconds since it was tied, '1' while it is held, else '0'}.
-- Invariant: of several that claim at once one wins, and all hear of the same id.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local tie = redis.call('HMGET', KEYS[1], 'id', 'body', 'since', 'held')
if tie[1] and tie[1] ~= ARGV[2] and ARGV[2] ~= '*' then
  local held = tonumber(tie[4]) > now and '1' or '0'
  return {tie[1], tie[2] or '', string.format('%.0f', now - tonumber(tie[3])), held}
end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'body', '', 'since', string.format('%.0f', now), 'held', string.format('%.0f', now + tonumber(ARGV[4])))
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {ARGV[1], '', '0', '1'}
