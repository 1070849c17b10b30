-- Says how many calls a worker may have in flight at an endpoint until it reads the answer, and would like to have, and divides what the endpoint allows.
-- KEYS[1] endpoint: 'w:' and a worker → 'held|wanted|expiry|in flight|limit', 'circuit' → why it is out of use, 'trial' → when it was last tried
-- ARGV[1] worker, ARGV[2] calls that it may have in flight, ARGV[3] calls wanted, ARGV[4] most over all workers or '', ARGV[5] now, ARGV[6] milliseconds that
-- a worker is remembered, ARGV[7] calls that it has in flight now, ARGV[8] calls that it would let be; both only for readers
-- Returns {granted, workers, held by the others, whether this worker is the first by name, circuit or false, fields to forget …}
-- Invariant: what is granted to workers that are remembered never comes to more than the most, except for calls that are under way.
local now, held, wanted = tonumber(ARGV[5]), tonumber(ARGV[2]), tonumber(ARGV[3])
local most = tonumber(ARGV[4]) or 1e9
local others, demands, workers, first = 0, {wanted}, 1, 1
local forget = {}
local circuit = false
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local worker = string.match(fields[i], '^w:(.*)$')
  if worker and worker ~= ARGV[1] then
    local theirs, demand, expiry = string.match(fields[i + 1], '^(%d+)|(%d+)|(%d+)|')
    if tonumber(expiry) > now then
      others = others + tonumber(theirs)
      demands[#demands + 1] = tonumber(demand)
      workers = workers + 1
      if worker < ARGV[1] then
        first = 0
      end
    else
      forget[#forget + 1] = fields[i]
    end
  elseif fields[i] == 'circuit' then
    circuit = fields[i + 1]
  end
end
-- Everybody gets what they want up to an equal part; what some do not want is divided among the rest.
table.sort(demands)
local left, part = most, 0
for i = 1, #demands do
  part = math.ceil(left / (#demands - i + 1))
  if demands[i] > part then
    break
  end
  left = left - demands[i]
end
local granted = math.max(0, math.min(wanted, part, most - others))
redis.call('HSET', KEYS[1], 'w:' .. ARGV[1], string.format('%.0f|%.0f|%.0f|%s|%s', math.max(granted, held), wanted, now + tonumber(ARGV[6]), ARGV[7], ARGV[8]))
local answer = {granted, workers, others, first, circuit}
for i = 1, #forget do
  answer[#answer + 1] = forget[i]
end
return answer
