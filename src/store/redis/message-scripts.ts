/**
 * What is done to messages as one. KEYS meta, messages; names of the indexes are made from the latter: `:due`, `:due:TENANT` and `:created`
 * (sorted sets by time), `:due-tenants` (set of those that have the second), `:listed` and `:listed:TENANT` (sorted sets of what is listed),
 * `:waiting:PARTY` (sorted set of what waits for a phone), `:remote` (hash: other's id → id), `:heard` (sorted set by time). All carry the hash
 * tag of their prefix. A node of an earlier version keeps `:due` alone, so that what it wrote is not in `:due:TENANT`, or is there still.
 */
import { script } from './scripts.ts';

const GUARD = `
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return redis.error_reply('REPLACED the store is another one') end
local base = KEYS[2]
local function each(text, what)
  for line in string.gmatch(text, '[^\\n]+') do what(line) end
end
local function index(row, before)
  if before and before.waitsFor ~= row.waitsFor then
    each(before.waitsFor, function(party) redis.call('ZREM', base .. ':waiting:' .. party, row.id) end)
  end
  each(row.waitsFor, function(party) redis.call('ZADD', base .. ':waiting:' .. party, row.createdMs, row.id) end)
  for _, due in ipairs({ base .. ':due', base .. ':due:' .. row.tenant }) do
    if row.dueMs < 0 then redis.call('ZREM', due, row.id) else redis.call('ZADD', due, row.dueMs, row.id) end
  end
  if row.dueMs >= 0 then redis.call('SADD', base .. ':due-tenants', row.tenant) end
  if row.remoteKey ~= '' then redis.call('HSET', base .. ':remote', row.remoteKey, row.id) end
  if not before then
    redis.call('ZADD', base .. ':created', row.createdMs, row.id)
    if row.listed then
      redis.call('ZADD', base .. ':listed', row.createdMs, row.id)
      redis.call('ZADD', base .. ':listed:' .. row.tenant, row.createdMs, row.id)
    end
  end
end
`;

/** ARGV id of the store, how many were heard of, key and time of each, then rows as JSON. Answers 1 for each that was new. */
export const ADD_MESSAGES = script(`${GUARD}
local at = 3
for i = 1, tonumber(ARGV[2]) do
  redis.call('ZADD', base .. ':heard', 'GT', ARGV[at + 1], ARGV[at])
  at = at + 2
end
local added = {}
for i = at, #ARGV do
  local row = cjson.decode(ARGV[i])
  local isNew = redis.call('HSETNX', base, row.id, ARGV[i])
  if isNew == 1 then index(row, nil) end
  added[#added + 1] = isNew
end
return added
`);

/** ARGV id of the store, rows as JSON. Answers 1 for each whose revision followed. */
export const SAVE_MESSAGES = script(`${GUARD}
local saved = {}
for i = 2, #ARGV do
  local row = cjson.decode(ARGV[i])
  local text = redis.call('HGET', base, row.id)
  local before = text and cjson.decode(text)
  if before and before.revision == row.revision - 1 then
    redis.call('HSET', base, row.id, ARGV[i])
    index(row, before)
    saved[#saved + 1] = 1
  else
    saved[#saved + 1] = 0
  end
end
return saved
`);

/**
 * ARGV id of the store, holder, now, until, limit, party (empty: what is due), until before when the holder holds what a process before it has
 * left, tenants of whom nothing that is due is taken. Whoever looks passes over what others hold; the search is bounded.
 */
export const CLAIM_MESSAGES = script(`${GUARD}
local holder, now, untilMs, limit = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local taken = {}
local function isFree(row)
  if row.heldUntilMs <= now then return true end
  return row.holder == holder and (row.heldUntilMs < tonumber(ARGV[7]) or row.heldUntilMs > untilMs)
end
local function takeFrom(index, isDue)
  local offset, looked = 0, 0
  while #taken < limit and looked < 5000 do
    local ids
    if isDue then ids = redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', offset, limit)
    else ids = redis.call('ZRANGE', index, offset, offset + limit - 1) end
    if #ids == 0 then return end
    looked = looked + #ids
    offset = offset + #ids
    for _, id in ipairs(ids) do
      if #taken == limit then return end
      local text = redis.call('HGET', base, id)
      local row = text and cjson.decode(text)
      if isDue and not (row and row.dueMs >= 0 and row.dueMs <= now) then
        redis.call('ZREM', index, id)
        offset = offset - 1
      elseif row and isFree(row) then
        row.holder = holder
        row.heldUntilMs = untilMs
        redis.call('HSET', base, id, cjson.encode(row))
        taken[#taken + 1] = text
      end
    end
  end
end
if ARGV[6] ~= '' then takeFrom(base .. ':waiting:' .. ARGV[6], false)
elseif ARGV[8] == '' then takeFrom(base .. ':due', true)
else
  local except = {}
  each(ARGV[8], function(tenant) except[tenant] = true end)
  for _, tenant in ipairs(redis.call('SMEMBERS', base .. ':due-tenants')) do
    local index = base .. ':due:' .. tenant
    if redis.call('EXISTS', index) == 0 then redis.call('SREM', base .. ':due-tenants', tenant)
    elseif not except[tenant] then takeFrom(index, true) end
  end
end
return taken
`);

/** ARGV id of the store, time before which what is done is removed, and what was heard. Answers how many went, of at most 500. */
export const FORGET_MESSAGES = script(`${GUARD}
redis.call('ZREMRANGEBYSCORE', base .. ':heard', '-inf', ARGV[3])
local gone = 0
local offset = 0
while gone < 500 and offset < 20000 do
  local ids = redis.call('ZRANGEBYSCORE', base .. ':created', '-inf', '(' .. ARGV[2], 'LIMIT', offset, 500)
  if #ids == 0 then break end
  local kept = 0
  for _, id in ipairs(ids) do
    local text = redis.call('HGET', base, id)
    local row = text and cjson.decode(text)
    if row and row.dueMs >= 0 then kept = kept + 1
    else
      if row then
        if row.remoteKey ~= '' then redis.call('HDEL', base .. ':remote', row.remoteKey) end
        redis.call('ZREM', base .. ':listed:' .. row.tenant, id)
      end
      redis.call('HDEL', base, id)
      redis.call('ZREM', base .. ':created', id)
      redis.call('ZREM', base .. ':listed', id)
      gone = gone + 1
    end
  end
  offset = offset + kept
end
return gone
`);
