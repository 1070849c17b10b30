-- Stores results and counts them: the only place where counts of an open batch change.
-- KEYS[1] record, KEYS[2] results of the lane: first position → block, 'o' and a multiple of 32 → outcomes of the 32 requests from there
-- (s, e, or '.' while there is none), 'tally' → succeeded, errored, input, cached and output tokens, GPU microseconds
-- KEYS[3] pages, as lease_page documents them
-- ARGV[1] page, ARGV[2] owner, ARGV[3..8] what to add to the tally; then triples: first position, outcomes (one character per request: s or
-- e), block
-- Returns 'stored'; 'taken' when a request already has a result, and then nothing was stored; 'lost' when the page has been leased to
-- another; 'closed'; 'gone'.
-- Invariant: a request's first result stays, is counted once and together with being stored, and never after the batch was closed. Whoever
-- holds a page is the only one who stores results of it, so what was without a result when it was leased stays so until its holder acts.
-- It all happens in one command: the embedded store's log keeps a command whole through a crash, but not a script.
local state = redis.call('HMGET', KEYS[1], 'created', 'closed')
if not state[1] then
  return 'gone'
end
if state[2] then
  return 'closed'
end
local holder = string.match(redis.call('HGET', KEYS[3], ARGV[1]) or '', '^l|%d+|%d+|(.*)$')
if holder and holder ~= ARGV[2] then
  return 'lost'
end
local chunks = {}
local changes = {}
for i = 9, #ARGV, 3 do
  local from, outcomes = tonumber(ARGV[i]), ARGV[i + 1]
  for position = from, from + #outcomes - 1 do
    local offset = position % 32
    local name = string.format('o%.0f', position - offset)
    local chunk = chunks[name] or redis.call('HGET', KEYS[2], name) or string.rep('.', 32)
    if string.sub(chunk, offset + 1, offset + 1) ~= '.' then
      return 'taken'
    end
    local index = position - from + 1
    chunks[name] = string.sub(chunk, 1, offset) .. string.sub(outcomes, index, index) .. string.sub(chunk, offset + 2)
  end
  changes[#changes + 1] = ARGV[i]
  changes[#changes + 1] = ARGV[i + 2]
end
for name, chunk in pairs(chunks) do
  changes[#changes + 1] = name
  changes[#changes + 1] = chunk
end
local sums = {}
for sum in string.gmatch(redis.call('HGET', KEYS[2], 'tally') or '0 0 0 0 0 0', '%d+') do
  sums[#sums + 1] = string.format('%.0f', tonumber(sum) + tonumber(ARGV[#sums + 3]))
end
changes[#changes + 1] = 'tally'
changes[#changes + 1] = table.concat(sums, ' ')
redis.call('HSET', KEYS[2], unpack(changes))
return 'stored'
