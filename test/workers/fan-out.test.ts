import { text } from 'node:stream/consumers';
import { describe, expect, test, vi } from 'vitest';
import { fanOut } from '../../src/workers/fan-out.ts';
import { answer, type Serve, startBackends } from './backend.ts';

async function asked(method: string, url: string, ...serves: readonly Serve[]) {
  const backends = await startBackends(...serves);
  const make = fanOut({ method, url }, false);
  if (make === undefined) throw new Error(`one worker answers ${method} ${url}`);
  const { status, body } = await make(backends, { method, url, headers: {} }, bodyOf('{}'));
  return { status, body: JSON.parse(body.toString('utf8')) };
}

const bodyOf = (text: string) => async () => Buffer.from(text);

/** A worker with these items, which serves pages of them. */
function lister(items: readonly object[]): Serve {
  return ({ url = '' }, reply) => {
    const query = new URL(url, 'http://x').searchParams;
    const [limit, offset] = [Number(query.get('limit')), Number(query.get('offset'))];
    answer(reply, 200, { items: items.slice(offset, offset + limit), total: items.length, offset, limit });
  };
}

describe('listings', () => {
  const records = (...minutes: number[]) =>
    minutes.map((minute) => ({ callId: `c${minute}`, endedAt: `2026-01-01T00:${minute}:00Z` }));

  test('records of all workers, the latest first, page by page', async () => {
    const workers = [lister(records(50, 30, 10)), lister(records(40, 20))];
    const first = await asked('GET', '/api/v1/call-records?limit=2&tenant=acme', ...workers);
    expect(first.body).toEqual({
      items: records(50, 40),
      total: 5,
      offset: 0,
      limit: 2,
      nextCursor: '2026-01-01T00:40:00Z,c40',
    });
    const second = await asked('GET', '/api/v1/call-records?limit=2&offset=3', ...workers);
    expect(second.body).toEqual({ items: records(20, 10), total: 5, offset: 3, limit: 2 });
  });

  test('more than a worker gives at once', async () => {
    const many = Array.from({ length: 2_300 }, (_, call) => ({ call }));
    const { body } = await asked('GET', '/api/v1/calls?limit=500&offset=2200', lister(many), lister(many));
    expect(body.total).toBe(4_600);
    expect(body.items[0]).toEqual({ call: 2_200 });
    expect(body.items[100]).toEqual({ call: 0 });
  });

  test.each(['limit=0', 'limit=5000', 'offset=-1', 'limit=x'])(
    'a query at fault is refused as by one: %s',
    async (query) => {
      const refuse: Serve = (_request, reply) => answer(reply, 422, { code: 'validation-failed' });
      expect((await asked('GET', `/api/v1/calls?${query}`, refuse, refuse)).status).toBe(422);
    },
  );

  test('who may not see it is told so', async () => {
    const refuse: Serve = (_request, reply) => answer(reply, 401, { code: 'not-authenticated' });
    expect((await asked('GET', '/api/v1/calls', refuse, refuse)).status).toBe(401);
  });
});

test('a table of all workers under one heading', async () => {
  const table =
    (text: string): Serve =>
    (_request, reply) =>
      reply.writeHead(200, { 'content-type': 'text/csv' }).end(text);
  const backends = await startBackends(table('at,calls\n1,2\n'), table('at,calls\n3,4\n'));
  const request = { method: 'GET', url: '/api/v1/call-records?format=csv', headers: {} };
  const { body } = (await fanOut(request, false)?.(backends, request, bodyOf(''))) ?? { body: '' };
  expect(body.toString()).toBe('at,calls\n1,2\n3,4\n');
});

test('what calls came to, of all workers over one span', async () => {
  const untils: (string | null)[] = [];
  const sums =
    (calls: number): Serve =>
    ({ url = '' }, reply) => {
      untils.push(new URL(url, 'http://x').searchParams.get('until'));
      answer(reply, 200, {
        completeFrom: `2026-0${calls}`,
        points: [{ at: 'a', calls, answered: 1 }],
        trunks: [],
        codes: {},
      });
    };
  const { body } = await asked('GET', '/api/v1/call-statistics', sums(2), sums(3));
  expect(body.points).toEqual([{ at: 'a', calls: 5, answered: 2 }]);
  expect(new Set(untils).size).toBe(1);
  expect(untils[0]).not.toBeNull();
});

describe('a plan', () => {
  const call = (at: string) => ({ callId: `c${at}`, at });
  const plays =
    (callsPlayed: number, calls: readonly object[]): Serve =>
    (_request, reply) =>
      answer(reply, 200, { created: 1, callsPlayed, callsChanged: calls.length, calls });

  test.each(['/api/v1/plan', '/api/v1/plan/change'])(
    '%s: of the calls of all workers, the latest first',
    async (url) => {
      const [one, two] = [plays(3, [call('12:30'), call('12:10')]), plays(1, [call('12:20')])];
      expect((await asked('POST', url, one, two)).body).toEqual({
        created: 1,
        callsPlayed: 4,
        callsChanged: 3,
        calls: [call('12:30'), call('12:20'), call('12:10')],
      });
    },
  );

  test('shows the hundred latest, and counts all', async () => {
    const hundred = Array.from({ length: 100 }, (_, index) => call(`12:${String(99 - index).padStart(2, '0')}`));
    const { body } = await asked('POST', '/api/v1/plan', plays(100, hundred), plays(100, hundred));
    expect([body.callsChanged, body.calls.length, body.calls[99].at]).toEqual([200, 100, '12:50']);
  });

  test('each worker gets what would be written', async () => {
    const bodies: string[] = [];
    const serve: Serve = async (request, reply) => {
      if (request.method === 'POST') bodies.push(`${request.headers['content-type']} ${await text(request)}`);
      answer(reply, 200, { callsPlayed: 0, callsChanged: 0, calls: [] });
    };
    const backends = await startBackends(serve, serve);
    const document = JSON.stringify({ tenants: 'x'.repeat(3_000_000) });
    const headers = { 'content-type': 'application/json', 'content-length': String(document.length) };
    const request = { method: 'POST', url: '/api/v1/plan', headers };
    const { status } = (await fanOut(request, true)?.(backends, request, bodyOf(document))) ?? {};
    expect(status).toBe(200);
    expect(bodies).toEqual([`application/json ${document}`, `application/json ${document}`]);
  });

  test('of somebody whom no worker knows is refused before anything of it is read', async () => {
    const refuse: Serve = (_request, reply) => answer(reply, 401, { code: 'not-authenticated' });
    const backends = await startBackends(refuse, refuse);
    const request = { method: 'POST', url: '/api/v1/plan', headers: {} };
    const readBody = vi.fn(bodyOf('{}'));
    expect((await fanOut(request, true)?.(backends, request, readBody))?.status).toBe(401);
    expect(readBody).not.toHaveBeenCalled();
  });

  test('is refused as the first worker refuses it; another that does not know it yet, or ends, is named', async () => {
    const refuse: Serve = (_request, reply) => answer(reply, 404, { code: 'not-found' });
    const gone: Serve = (request) => request.destroy();
    expect((await asked('POST', '/api/v1/plan', refuse, plays(1, []))).status).toBe(404);
    for (const other of [refuse, gone]) {
      const { body } = await asked('POST', '/api/v1/plan', plays(1, []), other);
      expect(body).toMatchObject({ callsPlayed: 1, missing: ['w2'] });
    }
    expect((await asked('POST', '/api/v1/plan', gone, plays(1, []))).body).toMatchObject({ missing: ['w1'] });
  });
});

describe('one call', () => {
  test.each([
    ['GET', '/api/v1/calls/abc'],
    ['DELETE', '/api/v1/calls/abc'],
    ['GET', '/api/v1/calls/abc/trace?format=pcap'],
    ['GET', '/api/v1/call-records/abc'],
  ])('%s %s: by the worker that has it', async (method, url) => {
    const nobody: Serve = (_request, reply) => answer(reply, 404, {});
    const has: Serve = (request, reply) => answer(reply, 200, { asked: `${request.method} ${request.url}` });
    expect((await asked(method, url, nobody, has)).body).toEqual({ asked: `${method} ${url}` });
    expect((await asked(method, url, nobody, nobody)).status).toBe(404);
  });
});

test('ready while one worker is, with what is wrong anywhere', async () => {
  const draining: Serve = (_request, reply) => answer(reply, 503, { status: 'not-ready', reasons: ['draining'] });
  const ready: Serve = (_request, reply) => answer(reply, 200, { status: 'ready', reasons: [] });
  expect(await asked('GET', '/readyz', draining, ready)).toEqual({
    status: 200,
    body: { status: 'ready', reasons: ['draining'] },
  });
  expect((await asked('GET', '/readyz', draining, draining)).status).toBe(503);
});

test('a reload is every worker’s; the first refusal is the answer', async () => {
  const reloaded: string[] = [];
  const fine =
    (name: string): Serve =>
    (_request, reply) => {
      reloaded.push(name);
      answer(reply, 200, { applied: [name], needsRestart: [] });
    };
  const refuse: Serve = (_request, reply) => answer(reply, 422, { code: 'invalid' });
  expect((await asked('POST', '/api/v1/reload', fine('one'), fine('two'))).body.applied).toEqual(['one']);
  expect(reloaded).toEqual(['one', 'two']);
  expect((await asked('POST', '/api/v1/reload', refuse, fine('three'))).status).toBe(422);
  expect(reloaded).toHaveLength(2);
});

test('a drain is told to one, which has the node drain; the calls are those of all', async () => {
  const told: string[] = [];
  const worker =
    (name: string, calls: number): Serve =>
    ({ method, url }, reply) => {
      told.push(`${name} ${method} ${url}`);
      answer(reply, method === 'GET' ? 200 : 202, { node: name, calls, limitSeconds: 60 });
    };
  const { status, body } = await asked('POST', '/api/v1/drain', worker('edge-w1', 3), worker('edge-w2', 4));
  expect([status, body]).toEqual([202, { node: 'edge', calls: 7, limitSeconds: 60 }]);
  expect(told.filter((each) => each.includes('POST'))).toEqual(['edge-w1 POST /api/v1/drain']);
  const refuse: Serve = (_request, reply) => answer(reply, 403, { code: 'forbidden' });
  expect((await asked('POST', '/api/v1/drain', refuse, refuse)).status).toBe(403);
});

test('a worker that is frozen holds nothing up: it is left out, and named; of a plan one that takes no body, too, however long the document is', async () => {
  const frozen: Serve = () => {};
  const serves = (body: object, type = 'application/json'): Serve => {
    const said = 'sample' in body ? String(body.sample) : JSON.stringify(body);
    return (_request, reply) => reply.writeHead(200, { 'content-type': type }).end(said);
  };
  const metricsOf = async () => {
    const backends = await startBackends(
      serves({ sample: '# TYPE tandem_x gauge\ntandem_x 1\n' }, 'text/plain'),
      frozen,
    );
    const request = { method: 'GET', url: '/metrics', headers: {} };
    return String((await fanOut(request, false)?.(backends, request, bodyOf('')))?.body);
  };
  const unread: Serve = (request, reply) => {
    if (request.method === 'GET') answer(reply, 200, {});
  };
  const reads: Serve = async (request, reply) => {
    await text(request);
    answer(reply, 200, { callsPlayed: 1, callsChanged: 0, calls: [] });
  };
  const planned = async (other: Serve) => {
    const backends = await startBackends(reads, other, reads);
    const request = { method: 'POST', url: '/api/v1/plan', headers: { 'content-type': 'application/json' } };
    const made = await fanOut(request, true)?.(backends, request, bodyOf('x'.repeat(5_000_000)));
    return JSON.parse(String(made?.body));
  };
  const began = performance.now();
  // All at once: each waits for as long as a worker may be silent.
  const [listed, metrics, ready, retried, drained, ...plans] = await Promise.all([
    asked('GET', '/api/v1/calls', serves({ items: [{ callId: '1' }], total: 1 }), frozen),
    metricsOf(),
    asked('GET', '/readyz', frozen, serves({ status: 'ready', reasons: [] })),
    asked('POST', '/api/v1/trunks/1/retry', frozen, serves({ done: true })),
    asked('POST', '/api/v1/drain', frozen, serves({ node: 'edge-w2', calls: 2 })),
    planned(frozen),
    planned(unread),
  ]);
  expect(performance.now() - began).toBeLessThan(20_000);
  expect(listed.body).toMatchObject({ items: [{ callId: '1' }], total: 1, missing: ['w2'] });
  expect(metrics).toContain('tandem_x{worker="1"} 1\n');
  expect(metrics).toContain('tandem_worker_up{worker="1"} 1\ntandem_worker_up{worker="2"} 0\n');
  expect(ready).toEqual({ status: 200, body: { status: 'ready', reasons: ['worker-silent'] } });
  expect(retried.status).toBe(200);
  expect(drained.body).toEqual({ node: 'edge', calls: 2 });
  for (const plan of plans) expect(plan).toMatchObject({ callsPlayed: 2, missing: ['w2'] });
}, 30_000);

describe('a trunk that one worker registers', () => {
  const elsewhere: Serve = (_request, reply) =>
    answer(reply, 200, { state: 'online', elsewhere: true, activeCalls: 2 });
  const here: Serve = (_request, reply) =>
    answer(reply, 200, { state: 'online', registration: { grantedSeconds: 60 }, activeCalls: 1 });

  test('its status, and that after a retry, are those of that one, with the calls of all', async () => {
    for (const [method, url] of [
      ['GET', '/api/v1/trunks/1/status'],
      ['POST', '/api/v1/trunks/1/retry'],
    ] as const)
      expect((await asked(method, url, elsewhere, here)).body).toEqual({
        ...{ state: 'online', registration: { grantedSeconds: 60 }, activeCalls: 3 },
      });
    expect((await asked('GET', '/api/v1/trunks/1/status', elsewhere, elsewhere)).status).toBe(200);
  });

  test('a retry is every worker’s; that of one that has nothing to try does not count', async () => {
    const nothing: Serve = (_request, reply) => answer(reply, 409, { code: 'nothing-to-retry' });
    expect((await asked('POST', '/api/v1/trunks/1/retry', nothing, here)).status).toBe(200);
    expect((await asked('POST', '/api/v1/trunks/1/retry', nothing, nothing)).status).toBe(409);
  });

  test('is examined by that one alone', async () => {
    const examined: number[] = [];
    const worker =
      (index: number, status: Serve): Serve =>
      (request, reply) => {
        if (request.method === 'GET') return status(request, reply);
        examined.push(index);
        answer(reply, 200, { findings: [] });
      };
    expect((await asked('POST', '/api/v1/trunks/1/doctor', worker(1, elsewhere), worker(2, here))).status).toBe(200);
    expect((await asked('POST', '/api/v1/trunks/1/doctor', worker(1, here), worker(2, here))).status).toBe(200);
    expect(examined).toEqual([2, 1]);
  });

  test('has its own status in the list, where each trunk has the calls of all', async () => {
    const listed =
      (...statuses: readonly object[]): Serve =>
      (_request, reply) =>
        answer(reply, 200, { items: statuses.map((status, id) => ({ id: String(id), status })), total: 2 });
    const { body } = await asked(
      'GET',
      '/api/v1/trunks?limit=2',
      listed({ since: 1, activeCalls: 2 }, { elsewhere: true, activeCalls: 0 }),
      listed({ since: 2, activeCalls: 3 }, { registration: {}, activeCalls: 1 }),
    );
    expect(body).toEqual({
      items: [
        { id: '0', status: { since: 1, activeCalls: 5 } },
        { id: '1', status: { registration: {}, activeCalls: 1 } },
      ],
      total: 2,
    });
    const refuse: Serve = (_request, reply) => answer(reply, 403, { code: 'forbidden' });
    expect((await asked('GET', '/api/v1/trunks', refuse, refuse)).status).toBe(403);
  });
});

test('the trace in order of time, and from where each worker was read', async () => {
  const worker =
    (next: number, ...seconds: number[]): Serve =>
    ({ url = '' }, reply) => {
      const after = Number(new URL(url, 'http://x').searchParams.get('after'));
      const messages = seconds.map((second) => ({ at: `00:00:0${second}`, after }));
      answer(reply, 200, { messages, next });
    };
  const workers = [worker(7, 1, 4), worker(3, 2, 3)];
  const first = await asked('GET', '/api/v1/trace?limit=3', ...workers);
  expect(first.body.messages.map(({ at }: { at: string }) => at)).toEqual(['00:00:02', '00:00:03', '00:00:04']);
  const second = await asked('GET', `/api/v1/trace?after=${first.body.next}`, ...workers);
  expect(second.body.messages.map(({ after }: { after: number }) => after)).toEqual([7, 3, 3, 7]);
});

test('workers that are nodes to each other answer for all by themselves', () => {
  for (const url of ['/api/v1/calls', '/api/v1/call-records', '/api/v1/trace', '/api/v1/calls/1'])
    expect(fanOut({ method: 'GET', url }, true)).toBeUndefined();
  expect(fanOut({ method: 'GET', url: '/metrics' }, true)).toBeDefined();
});

test('what is provisioned, registered or allowed any worker answers', () => {
  for (const [method, url] of [
    ['GET', '/api/v1/tenants'],
    ['GET', '/api/v1/registrations'],
    ['PUT', '/api/v1/tenants/acme'],
    ['POST', '/api/v1/provisioning'],
    ['POST', '/api/v1/explain'],
    ['GET', '/healthz'],
    ['GET', '/console'],
  ] as const)
    expect(fanOut({ method, url }, false)).toBeUndefined();
});
