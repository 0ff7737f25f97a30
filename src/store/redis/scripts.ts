import { createHash } from 'node:crypto';

/** A Lua script and the digest that Redis knows it by. A script runs alone: what it does is done as one. */
export interface Script {
  readonly text: string;
  readonly sha1: string;
}

export function script(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}

/**
 * KEYS meta, nodes; ARGV id, schema, key-check, nonce-secret, milliseconds after which a node counts as gone. Makes the store when there is
 * none, unless nodes live here that have lost theirs; answers what it is, or who they are.
 */
export const INITIALIZE = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then
  local now = redis.call('TIME')
  local nowMs = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
  local alive = {'orphans'}
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    local space = string.find(all[i + 1], ' ', 1, true)
    if nowMs - tonumber(string.sub(all[i + 1], 1, space - 1)) <= tonumber(ARGV[5]) then alive[#alive + 1] = all[i] end
  end
  if #alive > 1 then return alive end
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'schema', ARGV[2], 'key-check', ARGV[3], 'nonce-secret', ARGV[4],
    'version', 0, 'place', 0, 'bindings', 0)
  return {'made', ARGV[1], ARGV[2], ARGV[3], ARGV[4]}
end
local found = redis.call('HMGET', KEYS[1], 'id', 'schema', 'key-check', 'nonce-secret')
return {'found', found[1], found[2], found[3], found[4]}
`);

/**
 * KEYS meta, events, then documents and their order of each kind; ARGV id, expected version, deadline, channel, version to be, token, names
 * of what changes as JSON, tokens of what is put back by it as JSON (empty: nothing is), token of the change that made the expected version
 * (empty: not known), then two lists for each kind, each after its length: what to delete, and what to put (name, document).
 *
 * A script that was sent before Redis froze runs when it wakes up; the deadline, on Redis's own clock, keeps it from doing what its
 * sender has been told did not happen.
 */
export const COMMIT = script(`
local at = 9
local function take() at = at + 1; return ARGV[at] end
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {'replaced'} end
local now = redis.call('TIME')
if tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) > tonumber(ARGV[3]) then return {'late'} end
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[2] then return {'stale'} end
local last = redis.call('HGET', KEYS[1], 'commit') or ''
local isOfVersion = string.sub(last, 1, #ARGV[2] + 1) == ARGV[2] .. '-'
if ARGV[9] ~= '' and isOfVersion and last ~= ARGV[2] .. '-' .. ARGV[9] then return {'stale'} end
local function remove(documents, order)
  for _ = 1, tonumber(take()) do
    local name = take()
    redis.call('HDEL', documents, name)
    redis.call('ZREM', order, name)
  end
end
local function put(documents, order)
  for _ = 1, tonumber(take()) do
    local name = take()
    if redis.call('HSET', documents, name, take()) == 1 then
      redis.call('ZADD', order, redis.call('HINCRBY', KEYS[1], 'place', 1), name)
    end
  end
end
for kind = 3, #KEYS, 2 do
  remove(KEYS[kind], KEYS[kind + 1])
  put(KEYS[kind], KEYS[kind + 1])
end
redis.call('HSET', KEYS[1], 'version', ARGV[5], 'commit', ARGV[5] .. '-' .. ARGV[6])
local event = {'token', ARGV[6], 'change', ARGV[7]}
if tonumber(ARGV[5]) ~= tonumber(ARGV[2]) + 1 then event = {'from', ARGV[2], unpack(event)} end
if ARGV[8] ~= '' then event = {'restored', ARGV[8], unpack(event)} end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, ARGV[5] .. '-0', unpack(event))
redis.call('PUBLISH', ARGV[4], 'provisioning')
return {'committed'}
`);

/**
 * KEYS meta, events; ARGV id of an event, its token. 1: it is there. It is written as one more change then: what WAIT counts is what its own
 * connection has written.
 */
export const STILL_COMMITTED = script(`
local found = redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])[1]
if not found then return 0 end
for i = 1, #found[2], 2 do
  if found[2][i] == 'token' and found[2][i + 1] == ARGV[2] then
    redis.call('HSET', KEYS[1], 'version', redis.call('HGET', KEYS[1], 'version'))
    return 1
  end
end
return 0
`);

/**
 * KEYS meta, bindings, their expiry, their events, what was taken away; ARGV id, channel, node, AORs as JSON, time before which what expired
 * is dropped, token of this write, sequence and token of the last write that the node has read (0: none), then AOR, expiry, document of each
 * change (empty: none any more), and what was taken away of it (empty: as it is). Writes none of the AORs that another node has written since, or
 * of which nobody can tell, and answers which they are. To find that out it reads 1 MB of names at most, its own ones too, and what ten more entries
 * have.
 */
export const WRITE_BINDINGS = script(`
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return redis.error_reply('REPLACED the store is another one') end
local function writtenByOthers()
  local last = redis.call('HMGET', KEYS[1], 'bindings', 'bindings-token')
  local theirs = {}
  if (last[1] or '0') == ARGV[7] and (last[2] or '') == ARGV[8] then return theirs end
  local known, now = tonumber(ARGV[7]), tonumber(last[1] or '0')
  if known > now or now - known > 500 then return nil end
  local from, since, octets = known, 0, 0
  repeat
    local entries = redis.call('XRANGE', KEYS[4], string.format('%.0f-0', from), '+', 'COUNT', 10)
    for _, entry in ipairs(entries) do
      local at, fields = tonumber(string.match(entry[1], '^%d+')), entry[2]
      from = at + 1
      if at == known then
        if fields[6] and ARGV[8] ~= '' and fields[6] ~= ARGV[8] then return nil end
      else
        since = since + 1
        octets = octets + #fields[4]
        if octets > 1048576 then return nil end
        if fields[2] ~= ARGV[3] then
          local isRead, aors = pcall(cjson.decode, fields[4])
          if not isRead or type(aors) ~= 'table' then return nil end
          for _, aor in ipairs(aors) do theirs[aor] = true end
        end
      end
    end
  until #entries < 10
  return since == now - known and theirs or nil
end
local theirs = writtenByOthers()
local written, left = {}, {}
for i = 9, #ARGV, 4 do
  local list = theirs and not theirs[ARGV[i]] and written or left
  list[#list + 1] = ARGV[i]
end
if #written == 0 then return left end
local gone = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. ARGV[5], 'LIMIT', 0, 100)
for _, aor in ipairs(gone) do
  redis.call('HDEL', KEYS[2], aor)
  redis.call('HDEL', KEYS[5], aor)
  redis.call('ZREM', KEYS[3], aor)
end
for i = 9, #ARGV, 4 do
  if not theirs[ARGV[i]] then
    if ARGV[i + 3] ~= '' then redis.call('HSET', KEYS[5], ARGV[i], ARGV[i + 3]) end
    if ARGV[i + 2] == '' then redis.call('HDEL', KEYS[2], ARGV[i])
    else redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2]) end
    if ARGV[i + 1] == '0' then redis.call('ZREM', KEYS[3], ARGV[i])
    else redis.call('ZADD', KEYS[3], ARGV[i + 1], ARGV[i]) end
  end
end
local sequence = redis.call('HINCRBY', KEYS[1], 'bindings', 1)
redis.call('HSET', KEYS[1], 'bindings-token', ARGV[6])
local names = #left == 0 and ARGV[4] or cjson.encode(written)
redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, sequence .. '-0', 'node', ARGV[3], 'aors', names, 'token', ARGV[6])
redis.call('PUBLISH', ARGV[2], 'bindings')
return left
`);

/** KEYS lock, key; ARGV token of who holds the lock, for how many milliseconds more, command, its arguments. Answers nothing where another holds it. */
export const WHILE_HELD = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call(ARGV[3], KEYS[2], unpack(ARGV, 4))
`);

/**
 * KEYS meta, lock; ARGV token of who holds it, id, schema, key-check, nonce-secret, version, place, sequence of bindings, token of the last write,
 * channel. 1: this is the store from now on. Answers nothing where another holds the lock.
 */
export const FINISH_RESTORE = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return false end
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'id', ARGV[2], 'schema', ARGV[3], 'key-check', ARGV[4], 'nonce-secret', ARGV[5],
  'version', ARGV[6], 'place', ARGV[7], 'bindings', ARGV[8], 'records-token', ARGV[9],
  'bindings-token', ARGV[9], 'tallies-token', ARGV[9])
redis.call('PUBLISH', ARGV[10], 'provisioning')
return 1
`);

/** KEYS meta, hash; ARGV id, command, its arguments. Does it when this is the store; who reads another one's emptiness would forget its own. */
export const GUARDED = script(`
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return redis.error_reply('REPLACED the store is another one') end
return redis.call(ARGV[2], KEYS[2], unpack(ARGV, 3))
`);

/**
 * Writes a record; ARGV id, channel, token of this write, the record's id, what it is to be (empty: none any more), and, where it is to be
 * written in place of that alone, what it was (empty: none); 0 when it is something else. Counts what was written (`records` of meta), says
 * which was the last (`records-token`), and tells the others to look.
 */
export const WRITE_RECORD = script(`
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return redis.error_reply('REPLACED the store is another one') end
if ARGV[6] and ARGV[6] ~= (redis.call('HGET', KEYS[2], ARGV[4]) or '') then return 0 end
if ARGV[5] == '' then redis.call('HDEL', KEYS[2], ARGV[4]) else redis.call('HSET', KEYS[2], ARGV[4], ARGV[5]) end
redis.call('HSET', KEYS[1], 'records-token', ARGV[3])
redis.call('PUBLISH', ARGV[2], 'records')
return redis.call('HINCRBY', KEYS[1], 'records', 1)
`);

/**
 * KEYS fences, then a lease each; ARGV holder, milliseconds, then a name each. Takes what is free and prolongs what the holder has;
 * answers the fence of each, or 0 where another holds it.
 */
export const ACQUIRE = script(`
local fences = {}
for i = 2, #KEYS do
  local held = redis.call('HMGET', KEYS[i], 'holder', 'fence')
  if held[1] == ARGV[1] then
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
    fences[i - 1] = tonumber(held[2])
  elseif held[1] then
    fences[i - 1] = 0
  else
    local fence = redis.call('HINCRBY', KEYS[1], ARGV[i + 1], 1)
    redis.call('HSET', KEYS[i], 'holder', ARGV[1], 'fence', fence)
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
    fences[i - 1] = fence
  end
end
return fences
`);

/** KEYS lease; ARGV holder, fence. Gives up what is held so. */
export const RELEASE = script(`
local held = redis.call('HMGET', KEYS[1], 'holder', 'fence')
if held[1] == ARGV[1] and held[2] == ARGV[2] then redis.call('DEL', KEYS[1]) end
return 1
`);

/**
 * KEYS meta, counts, their order of change, their ends, last batch by process, tokens of the last writes; ARGV id, channel, process, number of its
 * batch, token of this write, then key, addition, total that the node knows, end of each. A batch that the process has added, or one before that, is not added again, whenever it
 * comes: what was sent before Redis froze, or over a connection that was given up, may run after what followed it. What is over by Redis's
 * clock is dropped, and processes that have added nothing for an hour are forgotten. Answers the totals; a count that this store has lost
 * goes on from what the node knows. Three days after the last write, when every count is over, nothing is left.
 */
export const ADD_TALLIES = script(`
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return redis.error_reply('REPLACED the store is another one') end
local now = redis.call('TIME')
local nowMs = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. string.format('%.0f', nowMs), 'LIMIT', 0, 1000)) do
  redis.call('HDEL', KEYS[2], key)
  redis.call('ZREM', KEYS[3], key)
  redis.call('ZREM', KEYS[4], key)
end
local last = tonumber(string.match(redis.call('HGET', KEYS[5], ARGV[3]) or '0', '^%d+'))
local isNew = tonumber(ARGV[4]) > last
if last == 0 then
  local processes = redis.call('HGETALL', KEYS[5])
  for i = 1, #processes, 2 do
    if nowMs - tonumber(string.match(processes[i + 1], '^%d+ (%d+)$') or nowMs) > 3600000 then redis.call('HDEL', KEYS[5], processes[i]) end
  end
end
if isNew then redis.call('HSET', KEYS[5], ARGV[3], string.format('%s %.0f', ARGV[4], nowMs)) end
local sequence = redis.call('HINCRBY', KEYS[1], 'tallies', 1)
local totals = {}
for i = 6, #ARGV, 4 do
  local total = tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or '0')
  if isNew then total = math.max(total, tonumber(ARGV[i + 2])) + tonumber(ARGV[i + 1]) end
  local text = string.format('%.0f', total)
  redis.call('HSET', KEYS[2], ARGV[i], text)
  redis.call('ZADD', KEYS[3], sequence, ARGV[i])
  redis.call('ZADD', KEYS[4], ARGV[i + 3], ARGV[i])
  totals[#totals + 1] = text
end
redis.call('HSET', KEYS[1], 'tallies-token', ARGV[5])
redis.call('HSET', KEYS[6], sequence, ARGV[5])
redis.call('HDEL', KEYS[6], sequence - 1000)
for i = 2, 6 do redis.call('PEXPIRE', KEYS[i], 259200000) end
redis.call('PUBLISH', ARGV[2], 'tallies')
return totals
`);

/**
 * KEYS nodes; ARGV node, facts, milliseconds after which a node counts as gone. Tells about this node and answers Redis's time in ms, what was
 * told under this name before, then name, facts of each that is alive; ages are taken on Redis's clock, so the nodes' own need not agree.
 */
export const ANNOUNCE = script(`
local now = redis.call('TIME')
local nowMs = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
local before = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', nowMs) .. ARGV[2])
local all = redis.call('HGETALL', KEYS[1])
local alive = {string.format('%.0f', nowMs), before or ''}
for i = 1, #all, 2 do
  local space = string.find(all[i + 1], ' ', 1, true)
  if nowMs - tonumber(string.sub(all[i + 1], 1, space - 1)) > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], all[i])
  else
    alive[#alive + 1] = all[i]
    alive[#alive + 1] = string.sub(all[i + 1], 1, space - 1)
    alive[#alive + 1] = string.sub(all[i + 1], space + 1)
  end
end
return alive
`);
