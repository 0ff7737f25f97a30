import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type EngineEvent, EVENT_TYPES } from '../observe/index.ts';
import { isSystemAdmin } from './access.ts';
import { type ApiContext, describe, identityOf } from './context.ts';
import { ApiProblem } from './problem.ts';
import type { Identity } from './tokens.ts';

const HEARTBEAT_MS = 15_000;
const MAX_STREAMS = 200;
/** Of all streams; the others are kept for system admins, whatever tenant admins hold. */
const MAX_TENANT_STREAMS = 150;
const MAX_STREAMS_PER_TENANT = 20;
const MAX_STREAMS_PER_TOKEN = 10;
/** A reader that lets this much pile up is too slow: it is cut off and may come back with its last id. */
const MAX_BACKLOG_OCTETS = 1024 * 1024;

const querystring = z.strictObject({
  types: z
    .string()
    .max(256)
    .optional()
    .describe(`Types, separated by commas: ${EVENT_TYPES.join(', ')}. All when left out.`),
  lastEventId: z
    .string()
    .max(64)
    .optional()
    .describe('As the Last-Event-ID header: what happened after this event comes first.'),
});

/** Server-sent events with ids; a client that comes back gets what it missed, or a `gap` event when that is no longer kept. */
export function eventRoutes(app: FastifyInstance, context: ApiContext): void {
  const streams = new Set<EventStream>();
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.end();
  });
  app.get(
    '/api/v1/events',
    {
      ...describe({
        operationId: 'streamEvents',
        tag: 'events',
        summary: 'Events as they happen (text/event-stream)',
        querystring,
        answers: {
          200: { description: 'The stream', content: { 'text/event-stream': { schema: { type: 'string' } } } },
        },
      }),
      // HEAD would open a stream that nobody reads.
      exposeHeadRoute: false,
    },
    async (request, reply) => {
      const identity = identityOf(request);
      const query = request.query as z.infer<typeof querystring>;
      const types = readTypes(query.types);
      requirePlace(streams, identity);
      reply.hijack();
      reply.raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      const stream = new EventStream(context, reply.raw, identity, types, () => streams.delete(stream));
      streams.add(stream);
      const lastEventId = request.headers['last-event-id'] ?? query.lastEventId;
      stream.start(typeof lastEventId === 'string' ? lastEventId : undefined);
    },
  );
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
    throw new ApiProblem(status, 'too-many-streams', detail, { headers: { 'retry-after': '10' } });
  };
  if (ofToken >= MAX_STREAMS_PER_TOKEN) refuse(429, `this token has ${ofToken} event streams open`);
  if (!isSystemAdmin(identity)) {
    if (ofTenant >= MAX_STREAMS_PER_TENANT) refuse(429, `tenant ${identity.tenant} has ${ofTenant} event streams open`);
    if (ofTenants >= MAX_TENANT_STREAMS) refuse(503, `tenant admins have ${ofTenants} event streams open`);
  }
  if (streams.size >= MAX_STREAMS) refuse(503, `${streams.size} event streams are open`);
}

function readTypes(text: string | undefined): ReadonlySet<string> {
  if (text === undefined) return new Set(EVENT_TYPES);
  const types = text.split(',').map((type) => type.trim());
  const unknown = types.find((type) => !(EVENT_TYPES as readonly string[]).includes(type));
  if (unknown === undefined) return new Set(types);
  const message = `"${unknown}" is no event type; known are ${EVENT_TYPES.join(', ')}`;
  throw new ApiProblem(422, 'validation-failed', message, {
    problems: [{ code: 'unknown-type', path: 'types', message }],
  });
}

let latest: { readonly event: EngineEvent; readonly octets: Buffer } | undefined;

/** Made once for all who get it: there may be 200 of them. */
function encoded(event: EngineEvent): Buffer {
  if (latest?.event !== event) {
    const { id, at, type, data } = event;
    const octets = Buffer.from(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ at, ...data })}\n\n`);
    latest = { event, octets };
  }
  return latest.octets;
}

class EventStream {
  readonly #context: ApiContext;
  readonly #response: ServerResponse;
  readonly identity: Identity;
  readonly #types: ReadonlySet<string>;
  readonly #onEnd: () => void;
  #unsubscribe: () => void = () => {};
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(
    context: ApiContext,
    response: ServerResponse,
    identity: Identity,
    types: ReadonlySet<string>,
    onEnd: () => void,
  ) {
    this.#context = context;
    this.#response = response;
    this.identity = identity;
    this.#types = types;
    this.#onEnd = onEnd;
  }

  start(lastEventId: string | undefined): void {
    this.#response.on('close', () => this.end());
    this.#response.on('error', () => this.end());
    // The first id lets a client resume that saw no event yet.
    this.#response.write(`retry: 2000\nid: ${lastEventId ?? this.#context.events.lastId}\n: tandem events\n\n`);
    if (lastEventId !== undefined) this.#replay(lastEventId);
    this.#unsubscribe = this.#context.events.subscribe((event) => this.#send(event));
    this.#heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  end(): void {
    this.#unsubscribe();
    clearInterval(this.#heartbeat);
    this.#onEnd();
    if (!this.#response.writableEnded) this.#response.end();
  }

  #replay(lastEventId: string): void {
    const { events, gap } = this.#context.events.since(lastEventId);
    if (gap) this.#response.write('event: gap\ndata: {"reason":"events were lost; read the resources again"}\n\n');
    for (const event of events) this.#send(event);
  }

  #send(event: EngineEvent): void {
    if (this.#response.writableEnded || !this.#types.has(event.type) || !this.#maySee(event)) return;
    this.#response.write(encoded(event));
    if (this.#response.writableLength > MAX_BACKLOG_OCTETS) this.#response.destroy();
  }

  #maySee(event: EngineEvent): boolean {
    if (isSystemAdmin(this.identity)) return true;
    return this.identity.tenant !== undefined && event.tenants.includes(this.identity.tenant);
  }

  /** A stream outlives the request that its token was checked for: a token that expired or was revoked ends it. */
  async #beat(): Promise<void> {
    const { tokenId } = this.identity;
    try {
      const record = tokenId === undefined ? undefined : await this.#context.tokens.get(tokenId);
      const valid = tokenId === undefined || (record !== undefined && this.#context.tokens.isValid(record));
      if (!valid) this.end();
      else if (!this.#response.writableEnded) this.#response.write(': \n\n');
    } catch (error) {
      this.#context.log.warn('event-stream-check-failed', { error });
    }
  }
}
