-- Stores results and counts them: the only place where counts of an open batch change.
-- KEYS[1] record, KEYS[2] outcomes of the lane, KEYS[3] results of the lane
-- ARGV[1] lane; ARGV[2..7] what to add: succeeded, errored, input, cached and output tokens, execution milliseconds;
-- then triples: first position, outcomes (one character per request: s or e), block
-- Returns 'stored'; 'taken' when a request already has a result, and then nothing was stored; 'closed'; 'gone'.
-- Invariant: a request's first result stays, is counted once and together with being stored, and never after the batch was closed.
local state = redis.call('HMGET', KEYS[1], 'created', 'closed')
if not state[1] then
  return 'gone'
end
if state[2] then
  return 'closed'
end
for i = 8, #ARGV, 3 do
  local from = tonumber(ARGV[i])
  if string.find(redis.call('GETRANGE', KEYS[2], from, from + #ARGV[i + 1] - 1), '[se]') then
    return 'taken'
  end
end
for i = 8, #ARGV, 3 do
  redis.call('SETRANGE', KEYS[2], ARGV[i], ARGV[i + 1])
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 2])
end
local kinds = {'s:', 'e:', 'i:', 'c:', 'o:', 't:'}
for i = 1, 6 do
  if ARGV[i + 1] ~= '0' then
    redis.call('HINCRBY', KEYS[1], kinds[i] .. ARGV[1], ARGV[i + 1])
  end
end
return 'stored'
