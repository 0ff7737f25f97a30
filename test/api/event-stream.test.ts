import { beforeEach, describe, expect, test } from 'vitest';
import { apiOfEach } from './served.ts';

const world = apiOfEach();
let url: string;
beforeEach(async () => {
  url = await world.api.listen('127.0.0.1', 0);
});

const makeAdminToken = () => newToken({ role: 'system-admin' });
const makeToken = (tenant: string) => newToken({ role: 'tenant-admin', tenant });

async function newToken(wanted: object): Promise<string> {
  const response = await fetch(`${url}/api/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.tokens.system}`, 'content-type': 'application/json' },
    body: JSON.stringify(wanted),
  });
  return ((await response.json()) as { token: string }).token;
}

interface Received {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string | undefined;
}

/** Reads a stream until `count` events have come, then hangs up. */
class Reader {
  readonly #controller = new AbortController();
  readonly #token: string;
  readonly #query: string;
  readonly #headers: Record<string, string>;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #buffer = '';
  firstId = '';

  constructor(token: string, query = '', headers: Record<string, string> = {}) {
    this.#token = token;
    this.#query = query;
    this.#headers = headers;
  }

  async open(): Promise<number> {
    const response = await fetch(`${url}/api/v1/events${this.#query}`, {
      headers: { authorization: `Bearer ${this.#token}`, ...this.#headers },
      signal: this.#controller.signal,
    });
    if (response.status !== 200 || response.body === null) return response.status;
    this.#iterator = response.body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    this.firstId = (await this.#next())?.id ?? '';
    return response.status;
  }

  async take(count: number): Promise<Received[]> {
    const events: Received[] = [];
    while (events.length < count) {
      const event = await this.#next();
      if (event === undefined) break;
      if (event.event !== undefined) events.push(event);
    }
    return events;
  }

  close(): void {
    this.#controller.abort();
  }

  async #next(): Promise<Received | undefined> {
    for (let end = this.#buffer.indexOf('\n\n'); end < 0; end = this.#buffer.indexOf('\n\n')) {
      const chunk = await this.#iterator?.next();
      if (chunk === undefined || chunk.done === true) return undefined;
      this.#buffer += Buffer.from(chunk.value).toString('utf8');
    }
    const end = this.#buffer.indexOf('\n\n');
    const lines = this.#buffer.slice(0, end).split('\n');
    this.#buffer = this.#buffer.slice(end + 2);
    const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    return { id: field('id'), event: field('event'), data: field('data') };
  }
}

/** Gives the event's id. */
function rejected(tenant: string, value: string): string {
  const facts = { trunkId: '100', source: 'extension', value, reason: 'outside the pool' };
  world.events.publish('caller-id-rejected', [tenant], facts);
  return world.events.lastId;
}

describe('server-sent events', () => {
  test('events come as they happen, with ids', async () => {
    const reader = new Reader(world.tokens.system);
    expect(await reader.open()).toBe(200);
    const before = world.events.lastId;
    const id = rejected('acme', '1');
    const [event] = await reader.take(1);
    expect(event).toMatchObject({ id, event: 'caller-id-rejected' });
    expect(JSON.parse(event?.data ?? '')).toMatchObject({ value: '1', at: world.events.since(before).events[0]?.at });
    reader.close();
  });

  test('a stream says to browsers what every answer says: it shows in no frame', async () => {
    const controller = new AbortController();
    const authorization = `Bearer ${world.tokens.system}`;
    const { headers } = await fetch(`${url}/api/v1/events`, { headers: { authorization }, signal: controller.signal });
    controller.abort();
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('a client that comes back with its last id misses nothing and gets nothing twice', async () => {
    const reader = new Reader(world.tokens.system);
    await reader.open();
    rejected('acme', '1');
    const [first] = await reader.take(1);
    reader.close();
    rejected('acme', '2');
    rejected('acme', '3');
    const again = new Reader(world.tokens.system, '', { 'last-event-id': first?.id ?? '' });
    await again.open();
    rejected('acme', '4');
    const values = (await again.take(3)).map(({ data }) => JSON.parse(data ?? '').value);
    expect(values).toEqual(['2', '3', '4']);
    again.close();
  });

  test('a client that saw no event yet can resume from the id that the stream began with', async () => {
    const reader = new Reader(world.tokens.system);
    await reader.open();
    reader.close();
    rejected('acme', '1');
    const again = new Reader(world.tokens.system, `?lastEventId=${encodeURIComponent(reader.firstId)}`);
    await again.open();
    expect((await again.take(1)).map(({ data }) => JSON.parse(data ?? '').value)).toEqual(['1']);
    again.close();
  });

  test('an id of an earlier run is answered with a gap event', async () => {
    rejected('acme', '1');
    const reader = new Reader(world.tokens.system, '', { 'last-event-id': 'deadbeef:17' });
    await reader.open();
    expect((await reader.take(2)).map(({ event }) => event)).toEqual(['gap', 'caller-id-rejected']);
    reader.close();
  });

  test('a tenant admin sees the events of its tenant only, replayed ones included', async () => {
    const { lastId } = world.events;
    rejected('bolt', '1');
    rejected('acme', '2');
    world.events.publish('trunk-state', [], { trunkId: '100', trunk: 'carrier', state: 'offline' });
    const reader = new Reader(world.tokens.acme, '', { 'last-event-id': lastId });
    await reader.open();
    rejected('bolt', '3');
    rejected('acme', '4');
    expect((await reader.take(2)).map(({ data }) => JSON.parse(data ?? '').value)).toEqual(['2', '4']);
    reader.close();
  });

  test('types filter; an unknown type is refused', async () => {
    const reader = new Reader(world.tokens.system, '?types=trunk-state');
    await reader.open();
    rejected('acme', '1');
    world.events.publish('trunk-state', [], { trunkId: '100', trunk: 'carrier', state: 'online' });
    expect((await reader.take(1))[0]?.event).toBe('trunk-state');
    reader.close();
    expect(await new Reader(world.tokens.system, '?types=trunks').open()).toBe(422);
  });

  test('open streams end when the server closes', async () => {
    const reader = new Reader(world.tokens.system);
    await reader.open();
    const ended = reader.take(1);
    await world.api.close();
    expect(await ended).toEqual([]);
    expect(world.events.subscriberCount).toBe(0);
  });

  test('a token may have 10 streams, its tenant 20; another tenant and system admins still get theirs', async () => {
    const readers: Reader[] = [];
    const open = async (token: string, times: number) => {
      const statuses: number[] = [];
      for (let turn = 0; turn < times; turn++) {
        const reader = new Reader(token);
        readers.push(reader);
        statuses.push(await reader.open());
      }
      return statuses;
    };
    const second = await makeToken('acme');
    const third = await makeToken('acme');
    expect(await open(world.tokens.acme, 11)).toEqual([...Array(10).fill(200), 429]);
    expect(await open(second, 10)).toEqual(Array(10).fill(200));
    expect(await open(third, 1)).toEqual([429]);
    expect(await open(world.tokens.bolt, 1)).toEqual([200]);
    expect(await open(world.tokens.system, 1)).toEqual([200]);
    readers[0]?.close();
    await expect.poll(() => open(third, 1)).toEqual([200]);
    for (const reader of readers) reader.close();
  });

  test('200 open consoles: each sees every event, which is encoded once for all of them; the 201st is told to come later', async () => {
    const before = world.events.subscriberCount;
    const admins = await Promise.all(Array.from({ length: 20 }, () => makeAdminToken()));
    const readers = admins.flatMap((token) => Array.from({ length: 10 }, () => new Reader(token)));
    expect(new Set(await Promise.all(readers.map((reader) => reader.open())))).toEqual(new Set([200]));
    expect(await new Reader(world.tokens.system).open()).toBe(503);
    let encodings = 0;
    const value = { toJSON: () => ++encodings } as unknown as string;
    const published = Array.from({ length: 50 }, () => rejected('acme', value));
    const seen = await Promise.all(readers.map((reader) => reader.take(published.length)));
    for (const events of seen) expect(events.map(({ id }) => id)).toEqual(published);
    expect(encodings).toBe(published.length);
    for (const reader of readers) reader.close();
    await expect.poll(() => world.events.subscriberCount).toBe(before);
  }, 60_000);

  test('HEAD opens no stream', async () => {
    const before = world.events.subscriberCount;
    const response = await fetch(`${url}/api/v1/events`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${world.tokens.system}` },
    });
    expect([response.status, world.events.subscriberCount]).toEqual([404, before]);
  });
});
