-- Replaces the blocks of a range by one that holds the same results.
-- KEYS[1] record, KEYS[2] results of the lane
-- ARGV[1] first position, ARGV[2] number of results, ARGV[3] block
-- Returns 1; or 0 when the batch is closed or gone, as readers of a closed batch go through it in several steps and must not see blocks
-- move, and when a result is not there any more, as this server may have lost its last second.
-- Invariant: the caller stored every result of the range itself, so what is replaced is the same in another form. Should only the
-- first command survive a crash, readers pass over blocks that begin within an earlier one.
local state = redis.call('HMGET', KEYS[1], 'created', 'closed')
if not state[1] or state[2] then
  return 0
end
local from = tonumber(ARGV[1])
local fields = {}
for position = from, from + tonumber(ARGV[2]) - 1 do
  local offset = position % 32
  local outcomes = redis.call('HGET', KEYS[2], string.format('o%.0f', position - offset)) or ''
  if not string.find(string.sub(outcomes, offset + 1, offset + 1), '[se]') then
    return 0
  end
  if position > from then
    fields[#fields + 1] = position
  end
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
if #fields > 0 then
  redis.call('HDEL', KEYS[2], unpack(fields))
end
return 1
