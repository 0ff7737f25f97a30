import { KEEP_FATES_MS, MAX_OVER_CALLS } from '../stores.ts';
import { script } from './scripts.ts';

/*
 * `calls:alive` holds for each node `wall-ms instance redis-ms`: when it last wrote by its own clock, which process it was, and the same by
 * Redis's clock. The instance begins with `-` when its calls were taken; the first field is 0 then, once none is left. `1 instance 0`: it
 * has released them. A process that was told that its calls were taken goes on with what is left of them as its instance with a `!` at the
 * end; when they are taken again before it has written as that, the mark gets one too. `calls:NODE:taken` has the ids of those that were taken
 * from a process until it has written as the next instance, for a day, and an empty one. A fourth field, `noted`, at a marked process: whoever has
 * taken calls from it has noted them there, and what else it has is its own, whatever became of it here. A node of an earlier version, which notes
 * nothing, drops that field when it takes some.
 *
 * `calls:order` holds as `NODE process` which process of a node is the present one: `generation process number takes`, with how often that has
 * asked, and asked for calls of others. A process has a greater generation than all before it. What lay in a connection that was given up comes when
 * it will: after a later question of its process has been answered, or after another process has begun, it changes nothing any more. Where Redis has
 * lost the field, or has it as it was before, the greatest generation that asks has it.
 *
 * Names come and go, as in a cluster that is scaled. `NODE gone` is since when, by Redis's clock, a node without calls was in no roster as others
 * began; what it asks takes that away. After longer than any call may last both hashes lose what they have of it: of one that was suspended for so
 * long, and whose calls were taken, nothing would be told otherwise.
 */

const KEEP_TAKEN_SECONDS = 86_400;

const NOW = `
local now = redis.call('TIME')
local nowMs = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
`;

/** `of`: `asked` or `takes`. A process is its instance without the marks that it has come by. */
const IS_LATE = `
local function isLate(orders, node, instance, generation, of, number)
  local process = string.gsub(instance, '!', '')
  local field = node .. ' process'
  local begun, last, asked, takes = string.match(redis.call('HGET', orders, field) or '0 - 0 0', '^(%d+) (%S+) (%d+) (%d+)$')
  if tonumber(generation) < tonumber(begun) or generation == begun and process ~= last then return true end
  local done = process == last and { asked = asked, takes = takes } or { asked = '0', takes = '0' }
  if process == last and tonumber(number) <= tonumber(done[of]) then return true end
  done[of] = number
  redis.call('HDEL', orders, node .. ' gone')
  redis.call('HSET', orders, field, generation .. ' ' .. process .. ' ' .. done.asked .. ' ' .. done.takes)
  return false
end
`;

/** From the first question to the second; a command is given up sooner. */
const BEGIN_WITHIN_MS = 5_000;

/**
 * KEYS order; ARGV node, process, what the first question was answered, which has nothing there. The first is answered what the node's present
 * generation is, and when; the second makes this process the present one, and answers its generation. `late`: another one has begun since, or it was
 * on its way too long.
 */
export const BEGIN_CALLS = script(`${NOW}
local field = ARGV[1] .. ' process'
local begun = string.match(redis.call('HGET', KEYS[1], field) or '0', '^%d+')
if ARGV[3] == '' then return string.format('%s %.0f', begun, nowMs) end
local seen, seenMs = string.match(ARGV[3], '^(%d+) (%d+)$')
if seen ~= begun or math.abs(nowMs - tonumber(seenMs)) > ${BEGIN_WITHIN_MS} then return 'late' end
local generation = string.format('%.0f', math.max(tonumber(begun) + 1, nowMs))
redis.call('HSET', KEYS[1], field, generation .. ' ' .. ARGV[2] .. ' 0 0')
return generation
`);

/** Forgets the names of nodes that have had nothing to do here for `keepMs`. */
const FORGET_GONE = `
local function forgetGone(alive, orders, nodes, keepMs)
  local lines, names = {}, {}
  local found = redis.call('HGETALL', alive)
  for i = 1, #found, 2 do
    names[found[i]] = true
    lines[found[i]] = found[i + 1]
  end
  for _, field in ipairs(redis.call('HKEYS', orders)) do names[string.match(field, '^%S+')] = true end
  for name in pairs(names) do
    local gone = name .. ' gone'
    local mayHaveCalls = lines[name] and string.sub(lines[name], 1, 2) ~= '0 '
    local goneMs = redis.call('HGET', orders, gone)
    if mayHaveCalls or redis.call('HEXISTS', nodes, name) == 1 then redis.call('HDEL', orders, gone)
    elseif not goneMs then redis.call('HSET', orders, gone, string.format('%.0f', nowMs))
    elseif nowMs - tonumber(goneMs) > keepMs then
      redis.call('HDEL', alive, name)
      redis.call('HDEL', orders, name, name .. ' takes', name .. ' process', gone)
    end
  end
end
`;

/**
 * KEYS calls, alive, whole, order, taken, nodes; ARGV node, instance, how long `calls:whole` and names that are gone are kept in ms, which question
 * of its process it is, its generation. What the node had
 * when it was last heard of, as time and calls; from now on this process has them. `late`: a later question has been answered.
 */
export const LOAD_CALLS = script(`${NOW}${IS_LATE}${FORGET_GONE}
if isLate(KEYS[4], ARGV[1], ARGV[2], ARGV[5], 'asked', ARGV[4]) then return 'late' end
redis.call('DEL', KEYS[5])
local processes = redis.call('HGETALL', KEYS[3])
for i = 1, #processes, 2 do
  if tonumber(processes[i + 1]) < nowMs - tonumber(ARGV[3]) then redis.call('HDEL', KEYS[3], processes[i]) end
end
local before = redis.call('HGET', KEYS[2], ARGV[1]) or '0'
redis.call('HSET', KEYS[2], ARGV[1], string.format('%s %s %.0f', string.match(before, '^%d+'), ARGV[2], nowMs))
forgetGone(KEYS[2], KEYS[4], KEYS[6], tonumber(ARGV[3]))
return {string.match(before, '^%d+'), redis.call('HGETALL', KEYS[1])}
`);

/**
 * KEYS calls, alive, whole, over, order, taken; ARGV node, instance, wall-ms, the process and until when it knows all that it had to be here, `1` when with
 * this all is here, how many to put, how many to note as over, which question of its process it is, its generation, then id and document of each to put, ids that are over, ids to remove.
 * 3: a later question of its process, or of a later one, has been answered. 2: what the process had written is lost. An array: calls were taken, and no more of them are
 * now that it lives: `taken` and ids of those, or `left` and ids of all others, where the former are noted no more.
 */
export const WRITE_CALLS = script(`${NOW}${IS_LATE}
if isLate(KEYS[5], ARGV[1], ARGV[2], ARGV[10], 'asked', ARGV[9]) then return 3 end
local before = redis.call('HGET', KEYS[2], ARGV[1])
local wall, instance, noted = string.match(before or '', '^(%d+) (%S+) ?%d*(.*)$')
local mark = '-' .. ARGV[2]
if instance and string.sub(instance, 1, #mark) == mark then
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%s %s %.0f%s', wall, instance, nowMs, noted))
  local isNoted = noted == ' noted' and redis.call('SISMEMBER', KEYS[6], '') == 1
  local answer = isNoted and redis.call('SMEMBERS', KEYS[6]) or redis.call('HKEYS', KEYS[1])
  table.insert(answer, 1, isNoted and 'taken' or 'left')
  return answer
end
local whole = tonumber(redis.call('HGET', KEYS[3], ARGV[4]) or 0)
if whole < tonumber(ARGV[5]) then return 2 end
if instance and string.sub(instance, 1, 1) == '-' then redis.call('DEL', KEYS[6]) end
local at = 11
for _ = 1, tonumber(ARGV[7]) do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for _ = 1, tonumber(ARGV[8]) do
  redis.call('ZADD', KEYS[4], 'NX', nowMs, ARGV[at])
  at = at + 1
end
if tonumber(ARGV[8]) > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', nowMs - ${KEEP_FATES_MS})
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -${MAX_OVER_CALLS} - 1)
end
for i = at, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
if ARGV[6] == '1' then redis.call('HSET', KEYS[3], ARGV[4], string.format('%.0f', math.max(whole, tonumber(ARGV[3])))) end
redis.call('HSET', KEYS[2], ARGV[1], string.format('%s %s %.0f', ARGV[3], ARGV[2], nowMs))
return 1
`);

const LAST_HEARD = `
local function lastHeard(told, before)
  local toldMs = told and tonumber(string.match(told, '^%d+')) or 0
  local wall, instance, wroteMs, noted = string.match(before, '^(%d+) ?(%S*) ?(%d*)(.*)$')
  if wroteMs == '0' and wall == '1' then toldMs = 0 end
  return math.max(toldMs, tonumber(wroteMs) or 0), wall, instance, wroteMs, noted
end
`;

/** KEYS nodes, alive; ARGV the node that asks. Of each other node that may have calls here: name, milliseconds since it was heard of (-1: never, or it has left). */
export const CALL_HOLDERS = script(`${NOW}${LAST_HEARD}
local holders = {}
local alive = redis.call('HGETALL', KEYS[2])
for i = 1, #alive, 2 do
  if alive[i] ~= ARGV[1] and string.sub(alive[i + 1], 1, 2) ~= '0 ' then
    local heardMs = lastHeard(redis.call('HGET', KEYS[1], alive[i]), alive[i + 1])
    holders[#holders + 1] = alive[i]
    holders[#holders + 1] = heardMs == 0 and '-1' or string.format('%.0f', nowMs - heardMs)
  end
end
return holders
`);

/**
 * KEYS nodes, alive, calls of a node, calls of the taker, order, taken of the node, taken of the taker; ARGV the node, milliseconds of silence, how many, the taker, its
 * instance, which question of its takes it is, its generation. Moves about so many of its calls and answers id and document of each; `alive` when it has been heard of meanwhile, or
 * has just started, or when the taker has been taken for dead itself; `late` when whoever asked has looked since for what it may have moved.
 */
export const TAKE_CALLS = script(`${NOW}${IS_LATE}${LAST_HEARD}
if isLate(KEYS[5], ARGV[4], ARGV[5], ARGV[7], 'takes', ARGV[6]) then return 'late' end
local before = redis.call('HGET', KEYS[2], ARGV[1]) or '0 - 0'
local heardMs, wall, instance, wroteMs, noted = lastHeard(redis.call('HGET', KEYS[1], ARGV[1]), before)
if nowMs - heardMs < tonumber(ARGV[2]) then return 'alive' end
local taker = redis.call('HGET', KEYS[2], ARGV[4])
local mark = '-' .. ARGV[5]
if taker and string.sub(string.match(taker, ' (%S+)'), 1, #mark) == mark then return 'alive' end
if taker and string.match(taker, ' %-') then redis.call('DEL', KEYS[7]) end
redis.call('HSET', KEYS[2], ARGV[4], string.format('%.0f %s %.0f', nowMs, ARGV[5], nowMs))
redis.call('SADD', KEYS[6], '')
local taken = {}
local cursor = '0'
repeat
  local found = redis.call('HSCAN', KEYS[3], cursor, 'COUNT', ARGV[3])
  cursor = found[1]
  for i = 1, #found[2], 2 do
    taken[#taken + 1] = found[2][i]
    taken[#taken + 1] = found[2][i + 1]
    redis.call('HSET', KEYS[4], found[2][i], found[2][i + 1])
    redis.call('HDEL', KEYS[3], found[2][i])
    redis.call('SADD', KEYS[6], found[2][i])
    redis.call('SREM', KEYS[7], found[2][i])
  end
until cursor == '0' or #taken > 0
redis.call('EXPIRE', KEYS[6], ${KEEP_TAKEN_SECONDS})
if string.sub(instance, 1, 1) ~= '-' then
  instance = '-' .. instance
  noted = ' noted'
elseif wroteMs ~= '0' then instance = instance .. '!' end
local left = redis.call('HLEN', KEYS[3])
redis.call('HSET', KEYS[2], ARGV[1], (left == 0 and '0' or wall) .. ' ' .. instance .. ' 0' .. noted)
return taken
`);

/**
 * KEYS calls of a node, order; ARGV the node, its instance, which question of its takes it is, its generation. What a take has moved whose answer was lost; one
 * that has not moved anything yet does nothing from now on. `late`, as above.
 */
export const FIND_TAKEN = script(`${IS_LATE}
if isLate(KEYS[2], ARGV[1], ARGV[2], ARGV[4], 'takes', ARGV[3]) then return 'late' end
return redis.call('HGETALL', KEYS[1])
`);

/** KEYS calls of a node, taken of it, taken of whoever claims; ARGV ids. They are that node's no more. */
export const CLAIM_CALLS = script(`
for _, id in ipairs(ARGV) do
  redis.call('SREM', KEYS[3], id)
  if redis.call('HDEL', KEYS[1], id) == 1 then
    redis.call('SADD', KEYS[2], id)
    redis.call('EXPIRE', KEYS[2], ${KEEP_TAKEN_SECONDS})
  end
end
return 1
`);

/** KEYS alive, order; ARGV node, instance, which question of its process it is, its generation. The node has no more to do with its calls; of one that came late nothing becomes. */
export const RELEASE_CALLS = script(`${IS_LATE}
if isLate(KEYS[2], ARGV[1], ARGV[2], ARGV[4], 'asked', ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], '1 ' .. ARGV[2] .. ' 0')
return 1
`);
