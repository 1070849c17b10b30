-- Records that a batch is to be canceled.
-- KEYS[1] record
-- ARGV[1] time, microseconds since 1970; not before the batch was created, whatever the clocks say
-- Returns 'canceling', also when it already was; 'closed' when the batch ended first; 'gone' when there is none.
-- Invariant: set once, before the caller is answered, and never taken back.
local state = redis.call('HMGET', KEYS[1], 'created', 'closed')
if not state[1] then
  return 'gone'
end
if state[2] then
  return 'closed'
end
redis.call('HSETNX', KEYS[1], 'cancel', tonumber(ARGV[1]) < tonumber(state[1]) and state[1] or ARGV[1])
return 'canceling'
