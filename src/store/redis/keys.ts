import type { Log } from '../../base/log.ts';
import type { DocumentKind } from '../documents.ts';
import type { RedisLink } from './link.ts';

/** Version of the layout below; a store with a greater one is refused. */
export const SCHEMA = 1;

/**
 * Names of everything kept in Redis. All carry one hash tag, so that in a Cluster they live on one member and a script can change
 * several of them as one.
 *
 * | name | what |
 * |---|---|
 * | `meta` | hash: `schema`, `id` of the store, `version` of the provisioning, `commit` (that and the token of its last change), `place` (last one given), `bindings`, `tallies`, `records` (sequences), `bindings-token`, `tallies-token`, `records-token` (of the last write of each), `key-check`, `nonce-secret` |
 * | `tenants`, `trunks`, `certificates` | hash: name → sealed document; `…:order`: sorted set, in the order first written |
 * | `events` | stream, id = version: what each commit changed |
 * | `bindings` | hash: AOR → JSON; `bindings:expiry`: sorted set by time of expiry; `bindings:events`: stream, id = sequence; `bindings:removed`: hash: AOR → JSON of what was taken away |
 * | `sign-ins` | sorted set by time: user and address |
 * | `trunk-addresses` | sorted set by since when: trunk and address that its names resolve to |
 * | `tokens`, `users`, `webhooks` | hash: id → sealed document |
 * | `tallies` | hash: count of a period → total; `tallies:order`: sorted set by sequence of the last change; `tallies:ends`: sorted set by when it is needed no longer; `tallies:batches`: hash: node and process → number of the last batch it has added, and when; `tallies:tokens`: hash: sequence → token, of the last 1,000 writes |
 * | `messages` | hash: id → JSON with a sealed document; `messages:due`, `:due:TENANT`, `:created`, `:listed`, `:listed:TENANT`, `:waiting:TENANT/NUMBER`, `:heard`: sorted sets by time; `:due-tenants`: set; `:remote`: hash: id at WhatsApp → id |
 * | `calls:NODE` | hash: id → JSON of a call of that node that rings or is answered; `calls:NODE:taken`: set: ids of those that others have taken from it; `calls:alive`: hash: node → when it last wrote, and as which process; `calls:whole`: hash: process → until when all that it had is here; `calls:over`: sorted set by time: ended calls that another process had begun; `calls:order`: hash: `NODE process` → its process, the generation of that, how often it has asked, and for calls of others; `NODE gone` → since when it was not there, until it is forgotten |
 * | `lease:NAME` | hash with expiry: `holder`, `fence`; `fences`: hash: name → last fence given |
 * | `nodes` | hash: name → time and what the node tells the others |
 * | `restoring` | text with expiry: token of a node that writes its copy into an empty Redis |
 * | `changes` | channel: something changed, look |
 * | `ask:NODE`, `answer:NODE` | channels: sealed questions to a node, and sealed answers to what it has asked |
 */
export function keysOf(prefix: string) {
  const clean = prefix.replace(/[{}]/g, '');
  const tag = clean.replace(/:+$/, '');
  const named = (name: string) => `${clean}{${tag === '' ? 'tandem' : tag}}:${name}`;
  return {
    meta: named('meta'),
    tenants: named('tenants'),
    trunks: named('trunks'),
    certificates: named('certificates'),
    events: named('events'),
    bindings: named('bindings'),
    bindingExpiry: named('bindings:expiry'),
    bindingEvents: named('bindings:events'),
    bindingRemovals: named('bindings:removed'),
    signIns: named('sign-ins'),
    claims: named('trunk-addresses'),
    tallies: named('tallies'),
    tallyOrder: named('tallies:order'),
    tallyEnds: named('tallies:ends'),
    tallyBatches: named('tallies:batches'),
    tallyTokens: named('tallies:tokens'),
    tokens: named('tokens'),
    users: named('users'),
    webhooks: named('webhooks'),
    messages: named('messages'),
    callsAlive: named('calls:alive'),
    callsWhole: named('calls:whole'),
    callsOver: named('calls:over'),
    callsOrder: named('calls:order'),
    fences: named('fences'),
    nodes: named('nodes'),
    channel: named('changes'),
    /** Of what is provisioned. */
    orderOf: (kind: DocumentKind) => named(`${kind}:order`),
    callsOf: (node: string) => named(`calls:${node}`),
    takenOf: (node: string) => named(`calls:${node}:taken`),
    named,
  };
}

export type Keys = ReturnType<typeof keysOf>;

/** What is asked of Redis by what a node has there. */
export interface InRedis {
  readonly link: RedisLink;
  readonly keys: Keys;
  /** The store that this node works with. */
  readonly storeId: string;
  readonly node: string;
  readonly log: Log;
}
