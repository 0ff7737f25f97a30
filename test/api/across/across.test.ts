import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NodeAnswer, NodeQuestion, NodesPort } from '../../../src/api/index.ts';
import { ask, startTestApi, type TestApi } from '../kit.ts';

/** Nodes that ask each other as over a store, and some that never answer. */
class Net {
  readonly answers = new Map<string, (question: NodeQuestion) => Promise<NodeAnswer>>();
  readonly names: string[] = [];
  readonly asked: string[] = [];

  port(self: string): NodesPort {
    this.names.push(self);
    return {
      self,
      others: () => this.names.filter((name) => name !== self),
      named: (wanted) => this.names.filter((name) => name === wanted || name.startsWith(`${wanted}-w`)),
      ask: async (node, question) => {
        this.asked.push(`${question.method} ${node} ${question.url}`);
        const answer = this.answers.get(node);
        if (answer === undefined) throw new Error('silent');
        return answer(JSON.parse(JSON.stringify(question)));
      },
      answerWith: (answer) => this.answers.set(self, answer),
    };
  }
}

let net: Net;
let a: TestApi;
let b: TestApi;
beforeEach(async () => {
  net = new Net();
  a = await startTestApi({ nodes: net.port('edge-1') });
  b = await startTestApi({ nodes: net.port('edge-2') });
});
afterEach(async () => {
  await a.close();
  await b.close();
});

const call = (callId: string, tenant: string) => ({
  callId,
  sipCallIds: [`sip-${callId}`],
  tenant,
  direction: 'outbound' as const,
  from: '101',
  to: '9123',
  state: 'answered' as const,
  startedAt: '2026-11-01T00:00:00Z',
});

const record = (callId: string, minute: number, tenant = 'acme') => ({
  callId,
  sipCallIds: [`sip-${callId}`],
  tenant,
  direction: 'outbound' as const,
  callerNumber: '101',
  calledNumber: '9123',
  attempts: [],
  startedAt: '2026-11-01T00:00:00.000Z',
  endedAt: `2026-11-01T00:${String(minute).padStart(2, '0')}:00.000Z`,
  durationMs: 1,
  talkMs: 0,
  status: 486,
  reason: 'Busy Here',
  hungUpBy: 'callee' as const,
});

const rows = (body: { items: { callId: string; node: string }[] }) =>
  body.items.map(({ callId, node }) => `${callId}@${node}`);

describe('calls in progress', () => {
  test('of all nodes, each with its node, page by page, the same from each', async () => {
    a.engine.liveCalls.push(call('1', 'acme'), call('2', 'acme'), call('3', 'bolt'));
    b.engine.liveCalls.push(call('4', 'acme'), call('5', 'acme'));
    for (const node of [a, b]) {
      const all = await ask(node, node.tokens.system, 'GET', '/api/v1/calls');
      expect(rows(all.body)).toEqual(['1@edge-1', '2@edge-1', '3@edge-1', '4@edge-2', '5@edge-2']);
      expect([all.body.total, all.body.missing]).toEqual([5, undefined]);
      const second = await ask(node, node.tokens.system, 'GET', '/api/v1/calls?limit=2&offset=2');
      expect([rows(second.body), second.body.total]).toEqual([['3@edge-1', '4@edge-2'], 5]);
      const last = await ask(node, node.tokens.system, 'GET', '/api/v1/calls?limit=2&offset=4');
      expect(rows(last.body)).toEqual(['5@edge-2']);
    }
  });

  test('nobody is asked for more than what is on the page', async () => {
    for (let i = 0; i < 50; i++) b.engine.liveCalls.push(call(String(i), 'acme'));
    await ask(a, a.tokens.system, 'GET', '/api/v1/calls?limit=5&offset=40');
    expect(net.asked).toEqual([
      'GET edge-2 /api/v1/calls?limit=1&offset=0',
      'GET edge-2 /api/v1/calls?limit=5&offset=40',
    ]);
  });

  test('a tenant admin sees its own, at the other node too', async () => {
    a.engine.liveCalls.push(call('1', 'acme'), call('2', 'bolt'));
    b.engine.liveCalls.push(call('3', 'acme'), call('4', 'bolt'));
    expect(rows((await ask(a, a.tokens.acme, 'GET', '/api/v1/calls')).body)).toEqual(['1@edge-1', '3@edge-2']);
    expect((await ask(a, a.tokens.acme, 'GET', '/api/v1/calls/4')).status).toBe(404);
    expect((await ask(a, a.tokens.acme, 'DELETE', '/api/v1/calls/4')).status).toBe(404);
    expect(b.engine.liveCalls).toHaveLength(2);
  });

  test('?node= asks one alone; a node that is not there is 404', async () => {
    a.engine.liveCalls.push(call('1', 'acme'));
    b.engine.liveCalls.push(call('2', 'acme'));
    expect(rows((await ask(a, a.tokens.system, 'GET', '/api/v1/calls?node=edge-2')).body)).toEqual(['2@edge-2']);
    expect(rows((await ask(a, a.tokens.system, 'GET', '/api/v1/calls?node=edge-1')).body)).toEqual(['1@edge-1']);
    expect((await ask(a, a.tokens.system, 'GET', '/api/v1/calls?node=edge-9')).status).toBe(404);
  });

  test('?node= asks all workers of a node by its name, one of them, or the first one that knows', async () => {
    const c = await startTestApi({ nodes: net.port('edge-3-w1') });
    const d = await startTestApi({ nodes: net.port('edge-3-w2') });
    a.engine.liveCalls.push(call('1', 'acme'));
    c.engine.liveCalls.push(call('2', 'acme'));
    d.engine.liveCalls.push(call('3', 'acme'));
    for (const node of [a, c, d]) {
      const of = async (name: string) =>
        rows((await ask(node, node.tokens.system, 'GET', `/api/v1/calls?node=${name}`)).body);
      expect(await of('edge-3')).toEqual(['2@edge-3-w1', '3@edge-3-w2']);
      expect(await of('edge-3-w2')).toEqual(['3@edge-3-w2']);
      const one = await ask(node, node.tokens.system, 'GET', '/api/v1/calls/3?node=edge-3');
      expect([one.status, one.body.node]).toEqual([200, 'edge-3-w2']);
      expect((await ask(node, node.tokens.system, 'GET', '/api/v1/node?node=edge-3')).status).toBe(200);
    }
    await c.close();
    await d.close();
  });

  test('one that does not answer is named, and its rows are missing', async () => {
    net.names.push('edge-3');
    a.engine.liveCalls.push(call('1', 'acme'));
    const { status, body, headers } = await ask(a, a.tokens.system, 'GET', '/api/v1/calls');
    expect([status, rows(body), body.missing]).toEqual([200, ['1@edge-1'], ['edge-3']]);
    expect(headers['x-tandem-missing']).toBe('edge-3');
    // Whether it knows the call nobody can say.
    expect((await ask(a, a.tokens.system, 'GET', '/api/v1/calls/9')).status).toBe(503);
    expect((await ask(a, a.tokens.system, 'GET', '/api/v1/calls/1')).status).toBe(200);
    expect((await ask(a, a.tokens.system, 'GET', '/api/v1/calls?node=edge-3')).status).toBe(503);
  });

  test('one call by its id, its trace and its end, wherever it is; the node that ends it writes who did', async () => {
    b.engine.liveCalls.push(call('7', 'acme'));
    expect((await ask(a, a.tokens.acme, 'GET', '/api/v1/calls/sip-7')).body.node).toBe('edge-2');
    expect((await ask(a, a.tokens.acme, 'DELETE', '/api/v1/calls/7')).status).toBe(204);
    expect(b.engine.liveCalls).toEqual([]);
    const audit = await ask(a, a.tokens.system, 'GET', '/api/v1/audit?resource=calls');
    expect(audit.body.items).toMatchObject([{ resource: 'calls/7', action: 'delete', node: 'edge-2' }]);
    expect(audit.body.items[0].actor).toMatch(/^token:/);
  });

  test('who may only read ends nothing at another node either', async () => {
    b.engine.liveCalls.push(call('7', 'acme'));
    const { token } = await a.api.tokens.create({ role: 'tenant-admin', tenant: 'acme', readOnly: true }, 'test');
    expect((await ask(a, token, 'DELETE', '/api/v1/calls/7')).status).toBe(403);
    expect(b.engine.liveCalls).toHaveLength(1);
  });

  test('a malformed query is refused before anybody is asked', async () => {
    expect((await ask(a, a.tokens.system, 'GET', '/api/v1/calls?limit=0')).status).toBe(422);
    expect((await ask(a, undefined, 'GET', '/api/v1/calls')).status).toBe(401);
    expect(net.asked).toEqual([]);
  });
});

describe('call records', () => {
  test('the latest of all nodes first, and on by a cursor that what ends meanwhile does not move', async () => {
    for (const [id, minute] of [
      ['1', 1],
      ['3', 3],
      ['5', 5],
    ] as const)
      a.records.append(record(id, minute));
    for (const [id, minute] of [
      ['2', 2],
      ['4', 4],
    ] as const)
      b.records.append(record(id, minute));
    const first = await ask(a, a.tokens.system, 'GET', '/api/v1/call-records?limit=2');
    expect([rows(first.body), first.body.total]).toEqual([['5@edge-1', '4@edge-2'], 5]);
    b.records.append(record('6', 6));
    const next = encodeURIComponent(first.body.nextCursor);
    const second = await ask(b, b.tokens.system, 'GET', `/api/v1/call-records?limit=2&cursor=${next}`);
    expect(rows(second.body)).toEqual(['3@edge-1', '2@edge-2']);
    const third = await ask(
      a,
      a.tokens.system,
      'GET',
      `/api/v1/call-records?limit=2&cursor=${encodeURIComponent(second.body.nextCursor)}`,
    );
    expect([rows(third.body), third.body.nextCursor]).toEqual([['1@edge-1'], undefined]);
  });

  test('those that ended within one millisecond are on one page each', async () => {
    for (const id of ['a', 'c', 'e']) a.records.append(record(id, 1));
    for (const id of ['b', 'd']) b.records.append(record(id, 1));
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await ask(a, a.tokens.system, 'GET', `/api/v1/call-records?limit=2${cursor}`);
      seen.push(...rows(body));
      if (body.nextCursor === undefined) break;
      cursor = `&cursor=${encodeURIComponent(body.nextCursor)}`;
    }
    expect(seen).toEqual(['e@edge-1', 'd@edge-2', 'c@edge-1', 'b@edge-2', 'a@edge-1']);
  });

  test('an offset is counted to where it costs little', async () => {
    const { status, body } = await ask(a, a.tokens.system, 'GET', '/api/v1/call-records?offset=5000');
    expect([status, body.code]).toEqual([422, 'offset-too-far']);
    expect(net.asked).toEqual([]);
    expect((await ask(a, a.tokens.system, 'GET', '/api/v1/call-records?offset=5000&node=edge-2')).status).toBe(200);
  });

  test('one by its id, and all as a table under one heading', async () => {
    a.records.append(record('1', 1));
    b.records.append(record('2', 2, 'bolt'));
    expect((await ask(a, a.tokens.system, 'GET', '/api/v1/call-records/2')).body.node).toBe('edge-2');
    expect((await ask(a, a.tokens.acme, 'GET', '/api/v1/call-records/2')).status).toBe(404);
    const { payload } = await a.api.app.inject({
      url: '/api/v1/call-records?format=csv',
      headers: { authorization: `Bearer ${a.tokens.system}` },
    });
    const lines = payload.trim().split(/\r?\n/);
    expect(lines).toHaveLength(3);
    expect(lines[0]?.endsWith('node')).toBe(true);
    expect(lines.slice(1).map((line) => line.split(',').at(-1))).toEqual(['edge-1', 'edge-2']);
  });
});

test('leases: which node registers which trunk; a tenant admin sees its own', async () => {
  a.engine.leased = ['201'];
  b.engine.leased = ['202'];
  const leases = async (token: string, query = '') =>
    (await ask(a, token, 'GET', `/api/v1/leases${query}`)).body.items.map(
      ({ trunkId, node }: { trunkId: string; node: string }) => `${trunkId}@${node}`,
    );
  expect(await leases(a.tokens.system)).toEqual(['201@edge-1', '202@edge-2']);
  expect(await leases(a.tokens.bolt)).toEqual(['202@edge-2']);
  expect(await leases(a.tokens.system, '?trunk=acme-own')).toEqual(['201@edge-1']);
});

test('the trace of all nodes, gone on with by the counts of each', async () => {
  const flow = {
    transport: 'udp',
    localAddress: '127.0.0.1',
    localPort: 5060,
    remoteAddress: '127.0.0.2',
    remotePort: 5060,
  };
  const say = (at: TestApi, id: string) =>
    at.engine.sipTrace.record(`OPTIONS sip:x SIP/2.0\r\nCall-ID: ${id}\r\n\r\n`, true, flow);
  say(a, 'one');
  say(b, 'two');
  const first = await ask(a, a.tokens.system, 'GET', '/api/v1/trace');
  const named = (body: { messages: { sipCallId: string; node: string }[] }) =>
    body.messages.map(({ sipCallId, node }) => `${sipCallId}@${node}`).sort();
  expect(named(first.body)).toEqual(['one@edge-1', 'two@edge-2']);
  say(b, 'three');
  const second = await ask(a, a.tokens.system, 'GET', `/api/v1/trace?after=${first.body.next}`);
  expect(named(second.body)).toEqual(['three@edge-2']);
  expect((await ask(a, a.tokens.acme, 'GET', '/api/v1/trace')).status).toBe(403);
});

test('how another node is doing', async () => {
  expect((await ask(a, a.tokens.system, 'GET', '/api/v1/node?node=edge-2')).status).toBe(200);
  expect(net.asked).toEqual(['GET edge-2 /api/v1/node']);
});

test('a node asks for what each has by itself, and for nothing else', async () => {
  const answer = net.answers.get('edge-2');
  const identity = { actor: 'owner', role: 'system-admin' as const };
  expect((await answer?.({ method: 'GET', url: '/api/v1/provisioning', identity }))?.status).toBe(403);
  expect((await answer?.({ method: 'DELETE', url: '/api/v1/tenants/acme', identity }))?.status).toBe(403);
  expect((await answer?.({ method: 'GET', url: '/api/v1/calls', identity }))?.status).toBe(200);
});

describe('events of all nodes in one stream', () => {
  /** Reads a stream over a socket until it has said all of these. */
  async function read(
    api: TestApi,
    path: string,
    token: string,
    until: readonly string[],
    last?: string,
  ): Promise<string> {
    const address = await (listening.get(api) ?? listen(api));
    const aborted = new AbortController();
    const response = await fetch(`${address}${path}`, {
      headers: { authorization: `Bearer ${token}`, ...(last === undefined ? {} : { 'last-event-id': last }) },
      signal: aborted.signal,
    });
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      onText?.(text);
      if (until.every((part) => text.includes(part))) break;
    }
    aborted.abort();
    return text;
  }
  const listening = new Map<TestApi, Promise<string>>();
  const listen = (api: TestApi) => {
    const address = api.api.listen('127.0.0.1', 0);
    listening.set(api, address);
    return address;
  };
  let onText: ((text: string) => void) | undefined;
  afterEach(() => {
    onText = undefined;
    listening.clear();
  });

  const tell = (at: TestApi, tenant: string, actor: string) =>
    at.events.publish('audit', [tenant], { actor, action: 'update', resource: 'x' });

  test('with the node in each, those that may be seen, and from where they were read to when one comes back', async () => {
    let isTold = false;
    onText = (text) => {
      // The other node is followed from here on.
      if (isTold || !text.includes(': node edge-2')) return;
      isTold = true;
      tell(b, 'bolt', 'of-bolt');
      tell(b, 'acme', 'at-b');
      tell(a, 'acme', 'at-a');
    };
    const text = await read(a, '/api/v1/events?types=audit', a.tokens.acme, ['at-a', 'at-b']);
    expect(text).toMatch(/"node":"edge-2","actor":"at-b"/);
    expect(text).toMatch(/"node":"edge-1","actor":"at-a"/);
    expect(text).not.toContain('of-bolt');
    const last = text
      .match(/^id: (.*)$/gm)
      ?.at(-1)
      ?.slice(4);
    onText = undefined;
    tell(b, 'acme', 'missed-b');
    tell(a, 'acme', 'missed-a');
    // What the other node has told meanwhile is said to be missing.
    const again = await read(a, '/api/v1/events?types=audit', a.tokens.acme, ['missed-a'], last);
    expect(again).toMatch(/event: gap\ndata: \{"node":"edge-2"/);
    expect(again).not.toMatch(/"actor":"at-/);
  });

  test('of one node alone', async () => {
    let isTold = false;
    onText = (text) => {
      if (isTold || !text.includes(': node edge-2')) return;
      isTold = true;
      tell(a, 'acme', 'at-a');
      tell(b, 'acme', 'at-b');
    };
    const text = await read(a, '/api/v1/events?types=audit&node=edge-2', a.tokens.acme, ['at-b']);
    expect(text).not.toContain('at-a');
  });

  test('a node that does not answer is told of as a gap', async () => {
    net.names.push('edge-3');
    const text = await read(a, '/api/v1/events', a.tokens.system, ['edge-3']);
    expect(text).toMatch(/event: gap\ndata: \{"node":"edge-3"/);
  });

  test('asked for again and again as JSON', async () => {
    const first = await ask(a, a.tokens.acme, 'GET', '/api/v1/events?format=json');
    expect(first.body).toMatchObject({ events: [], gap: false });
    tell(a, 'acme', 'one');
    tell(a, 'bolt', 'two');
    const second = await ask(a, a.tokens.acme, 'GET', `/api/v1/events?format=json&lastEventId=${first.body.next}`);
    expect(second.body.events).toMatchObject([{ type: 'audit', node: 'edge-1', data: { actor: 'one' } }]);
  });
});
