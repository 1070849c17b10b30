-- Replaces the blocks of a range by one that holds the same results.
-- KEYS[1] record, KEYS[2] results of the lane
-- ARGV[1] first position, ARGV[2] number of results, ARGV[3] block
-- Returns 1, or 0 when the batch is closed or gone: readers of a closed batch go through it in several steps, and must not see blocks move.
-- Invariant: the caller stored every result of the range itself, so what is replaced is the same in another form. Should only the
-- first command survive a crash, readers pass over blocks that begin within an earlier one.
local state = redis.call('HMGET', KEYS[1], 'created', 'closed')
if not state[1] or state[2] then
  return 0
end
local from = tonumber(ARGV[1])
local fields = {}
for position = from + 1, from + tonumber(ARGV[2]) - 1 do
  fields[#fields + 1] = position
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
if #fields > 0 then
  redis.call('HDEL', KEYS[2], unpack(fields))
end
return 1
