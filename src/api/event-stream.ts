import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { byDefault, optional } from '../base/schema.ts';
import { EVENT_TYPES } from '../observe/index.ts';
import { isSystemAdmin } from './access.ts';
import { requireNamed } from './across/across.ts';
import { OtherEvents } from './across/other-events.ts';
import { guardingHeaders } from './browser-guard.ts';
import { type ApiContext, identityOf } from './context.ts';
import { endsEarly } from './early-answer.ts';
import { channelOf, concerns, EventFeed, type FeedChannel, type FeedReader } from './event-feed.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { nodeField } from './paging.ts';
import { ApiProblem, notNow } from './problem.ts';
import type { Identity } from './tokens.ts';

const HEARTBEAT_MS = 15_000;
const MAX_STREAMS = 200;
/** Of all streams; the others are kept for system admins, whatever tenant admins hold. */
const MAX_TENANT_STREAMS = 150;
const MAX_STREAMS_PER_TENANT = 20;
const MAX_STREAMS_PER_TOKEN = 10;
/** Whoever takes nothing for so long is cut off: it may come back with its last id. */
const MAX_STALL_MS = 60_000;
const MAX_PER_SECOND = 1000;

const querystring = z.strictObject({
  types: optional(z.string().max(256), `Types, separated by commas: ${EVENT_TYPES.join(', ')}. All when left out.`),
  lastEventId: optional(z.string().max(64), 'As the Last-Event-ID header: what happened after this event comes first.'),
  ...nodeField,
  format: byDefault(
    'stream',
    z.enum(['stream', 'json']),
    '`json`: what the node that is asked has kept since `lastEventId`, and `next` to ask again with.',
  ),
  limit: byDefault(100, z.coerce.number().int().min(1).max(1000), 'With `format=json`: how many at most.'),
  perSecond: optional(
    z.coerce.number().int().min(1).max(MAX_PER_SECOND),
    'For people, who cannot read more: of more events in a second the latest come, and a `skipped` event says how many did not.',
  ),
});

/** Server-sent events with ids; a client that comes back gets what it missed, or a `gap` event when that is no longer kept. */
export function eventRoutes(app: FastifyInstance, context: ApiContext, callsWait?: () => boolean): void {
  const streams = new Set<EventStream>();
  const feed = new EventFeed(context.events, context.nodes.self, callsWait);
  const others = new OtherEvents(context);
  context.metrics.readGauge('tandem_event_streams', 'Open event streams', () => streams.size);
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.end();
  });
  operation(app, 'streamEvents', {
    querystring,
    across: 'events',
    answers: {
      200: {
        description: 'The stream',
        content: {
          'text/event-stream': { schema: { type: 'string' } },
          'application/json': { schema: named('EventPage') },
        },
      },
    }, // HEAD would open a stream that nobody reads.
    exposeHeadRoute: false,
  }).by(async (request, reply) => {
    const identity = identityOf(request);
    const { query } = request;
    requireTypes(query.types);
    const tenant = isSystemAdmin(identity) ? undefined : (identity.tenant ?? '');
    const channel = channelOf(query.types, tenant, query.perSecond);
    const given = request.headers['last-event-id'] ?? query.lastEventId;
    const since = typeof given === 'string' ? given : undefined;
    if (query.format === 'json') return eventPage(context, identity, channel, since, query.limit);
    const named = query.node === undefined ? undefined : requireNamed(context.nodes, query.node);
    requirePlace(streams, identity);
    reply.hijack();
    reply.raw.writeHead(200, {
      ...guardingHeaders(request.protocol === 'https'),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      ...(endsEarly(request.raw) && { connection: 'close' }),
    });
    const stream = new EventStream(context, reply.raw, identity, channel, since ?? context.events.lastId, () => {
      feed.remove(stream);
      others.remove(stream);
      streams.delete(stream);
    });
    streams.add(stream);
    stream.start(feed, named?.includes(context.nodes.self) !== false);
    if (query.node !== context.nodes.self) others.add(stream, { node: query.node, isBack: since !== undefined });
    return reply;
  });
}

/** One reader who opens streams without end leaves places to other tokens, other tenants and the system admins. */
function requirePlace(streams: ReadonlySet<EventStream>, identity: Identity): void {
  let ofToken = 0;
  let ofTenant = 0;
  let ofTenants = 0;
  for (const { identity: other } of streams) {
    if (other.actor === identity.actor) ofToken++;
    if (isSystemAdmin(other)) continue;
    ofTenants++;
    if (other.tenant === identity.tenant) ofTenant++;
  }
  const refuse = (status: 429 | 503, detail: string) => {
    throw notNow(status, 'too-many-streams', detail, 10);
  };
  if (ofToken >= MAX_STREAMS_PER_TOKEN) refuse(429, `this token has ${ofToken} event streams open`);
  if (!isSystemAdmin(identity)) {
    if (ofTenant >= MAX_STREAMS_PER_TENANT) refuse(429, `tenant ${identity.tenant} has ${ofTenant} event streams open`);
    if (ofTenants >= MAX_TENANT_STREAMS) refuse(503, `tenant admins have ${ofTenants} event streams open`);
  }
  if (streams.size >= MAX_STREAMS) refuse(503, `${streams.size} event streams are open`);
}

function requireTypes(text: string | undefined): void {
  const types = text?.split(',').map((type) => type.trim()) ?? [];
  const unknown = types.find((type) => !(EVENT_TYPES as readonly string[]).includes(type));
  if (unknown === undefined) return;
  const message = `"${unknown}" is no event type; known are ${EVENT_TYPES.join(', ')}`;
  throw new ApiProblem(422, 'validation-failed', message, {
    problems: [{ code: 'unknown-type', path: 'types', message }],
  });
}

/** What one who asks again and again gets, of the node that is asked. */
function eventPage(
  { events, nodes }: ApiContext,
  { ofNode }: Identity,
  { types, tenant }: FeedChannel,
  since: string | undefined,
  limit: number,
) {
  if (since === undefined) return { events: [], next: events.lastId, gap: false, isMore: false };
  const { events: found, gap, place, isMore } = events.since(since, limit, tenant);
  const seen = found.filter((event) => concerns({ types, tenant }, event));
  // Another node sorts out by itself who may see what.
  const rows = seen.map(({ id, at, type, tenants, data }) =>
    ofNode === true ? { id, at, type, tenants, data } : { id, at, type, node: nodes.self, data },
  );
  return { events: rows, next: place, gap, isMore };
}

class EventStream implements FeedReader {
  readonly identity: Identity;
  readonly channel: FeedChannel;
  place: string;
  notBeforeMs = 0;
  readonly #context: ApiContext;
  readonly #response: ServerResponse;
  readonly #onEnd: () => void;
  #heartbeat: NodeJS.Timeout | undefined;
  #tookAtMs = performance.now();

  constructor(
    context: ApiContext,
    response: ServerResponse,
    identity: Identity,
    channel: FeedChannel,
    place: string,
    onEnd: () => void,
  ) {
    this.#context = context;
    this.#response = response;
    this.identity = identity;
    this.channel = channel;
    this.place = place;
    this.#onEnd = onEnd;
  }

  start(feed: EventFeed, hasOwn: boolean): void {
    this.#response.on('close', () => this.end());
    this.#response.on('error', () => this.end());
    this.#response.on('drain', () => {
      this.#tookAtMs = performance.now();
      feed.serve(this);
    });
    // The first id lets a client resume that saw no event yet.
    this.#response.write(`retry: 2000\nid: ${this.place}\n: tandem events\n\n`);
    if (hasOwn) feed.add(this);
    this.#heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  takes(): boolean {
    return !this.#response.writableEnded && !this.#response.writableNeedDrain;
  }

  write(text: Buffer | string): void {
    this.#response.write(text);
  }

  end(): void {
    clearInterval(this.#heartbeat);
    this.#onEnd();
    if (!this.#response.writableEnded) this.#response.end();
  }

  /** A stream outlives the request that its token was checked for: a token that expired or was revoked ends it. */
  async #beat(): Promise<void> {
    const { tokenId } = this.identity;
    try {
      const record = tokenId === undefined ? undefined : await this.#context.tokens.get(tokenId);
      const valid = tokenId === undefined || (record !== undefined && this.#context.tokens.isValid(record));
      if (!valid) this.end();
      else if (!this.#response.writableNeedDrain) this.#tookAtMs = performance.now();
      else if (performance.now() - this.#tookAtMs > MAX_STALL_MS) this.#response.destroy();
      if (this.takes()) this.#response.write(': \n\n');
    } catch (error) {
      this.#context.log.warn('event-stream-check-failed', { error });
    }
  }
}
