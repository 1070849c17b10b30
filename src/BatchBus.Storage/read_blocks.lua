-- Reads the values of a hash whose fields are positions, in order, until they are enough.
-- KEYS[1] hash: position -> value
-- ARGV[1] first position, ARGV[2] last position, ARGV[3] bytes that are enough, ARGV[4] most bytes of a value
-- Returns the position to go on from, then pairs: position, value; for a larger value nil, it is to be fetched by itself.
-- Invariant: what is returned at once is never much more than what is enough, whatever lies in the hash.
local blocks = {0}
local position = tonumber(ARGV[1])
local last, enough, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local bytes = 0
while position <= last and bytes < enough do
  local length = redis.call('HSTRLEN', KEYS[1], position)
  if length > 0 then
    blocks[#blocks + 1] = position
    if length > most then
      blocks[#blocks + 1] = false
    else
      blocks[#blocks + 1] = redis.call('HGET', KEYS[1], position)
      bytes = bytes + length
    end
  end
  position = position + 1
end
blocks[1] = position
return blocks
