import { describe, expect, test, vi } from 'vitest';
import type { Identity } from '../../src/api/tokens.ts';
import { tracedId } from '../../src/api/traces.ts';
import { ask } from './kit.ts';
import { apiOfEach } from './served.ts';

const world = apiOfEach();

function record(text: string, sent: boolean, remoteAddress = '192.0.2.10'): void {
  const flow = { transport: 'udp', localAddress: '127.0.0.1', localPort: 5060, remoteAddress, remotePort: 5080 };
  world.engine.sipTrace.record(text, sent, flow);
}

/** A call's first message, and what that call is told by. */
const invite = (tenant: string, id = 'shared') =>
  `INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK${tenant}\r\nFrom: <sip:${tenant}>;tag=same\r\nTo: <sip:x>\r\nCall-ID: ${id}\r\n\r\n`;
const begunBy = (tenant: string) => ({ branch: `z9hG4bK${tenant}`, address: '192.0.2.10' });

const options = (id: string) => `OPTIONS sip:x SIP/2.0\r\nCall-ID: ${id}\r\nCSeq: 1 OPTIONS\r\n\r\n`;
const refusal = (id: string) =>
  `SIP/2.0 404 Not Found\r\nFrom: <sip:101@a>;tag=1\r\nTo: <sip:9123@a>;tag=2\r\nCall-ID: ${id}\r\nCSeq: 2 INVITE\r\n\r\n`;

describe('GET /api/v1/trace', () => {
  test('the latest messages, oldest first, whatever their Call-ID, each with what it is at a glance', async () => {
    record(options('a'), false);
    record('INVITE sip:nobody SIP/2.0\r\n\r\n', false);
    record(refusal('b'), true);
    const { status, body } = await ask(world, world.tokens.system, 'GET', '/api/v1/trace?limit=2');
    expect(status).toBe(200);
    expect(body.messages.map(({ sipCallId, summary }: Record<string, string>) => [sipCallId, summary])).toEqual([
      ['', 'INVITE'],
      ['b', '404 Not Found'],
    ]);
    expect(body.messages[1]).toMatchObject({ from: '101', to: '9123', direction: 'sent', remote: '192.0.2.10:5080' });
  });

  test('filters by number, address, method, trunk and refusal', async () => {
    record(options('ping'), true);
    record(refusal('refused'), true, '192.0.2.99');
    const ids = async (query: string) =>
      (await ask(world, world.tokens.system, 'GET', `/api/v1/trace?${query}`)).body.messages.map(
        ({ sipCallId }: { sipCallId: string }) => sipCallId,
      );
    expect(await ids('number=9123')).toEqual(['refused']);
    expect(await ids('address=192.0.2.10')).toEqual(['ping']);
    expect(await ids('method=OPTIONS')).toEqual(['ping']);
    expect(await ids('trunk=carrier')).toEqual(['ping']);
    expect(await ids('trunk=100&refused=true')).toEqual([]);
    expect(await ids('refused=true')).toEqual(['refused']);
    expect((await ask(world, world.tokens.system, 'GET', '/api/v1/trace?trunk=none')).status).toBe(404);
  });

  test('`next` as `after` gives what came since', async () => {
    record(options('a'), false);
    const first = (await ask(world, world.tokens.system, 'GET', '/api/v1/trace')).body;
    record(options('b'), false);
    const second = (await ask(world, world.tokens.system, 'GET', `/api/v1/trace?after=${first.next}`)).body;
    expect(second.messages.map(({ sipCallId }: { sipCallId: string }) => sipCallId)).toEqual(['b']);
    expect((await ask(world, world.tokens.system, 'GET', `/api/v1/trace?after=${second.next}`)).body.messages).toEqual(
      [],
    );
  });

  test('a capture file on demand, also of one call', async () => {
    record(options('a'), false);
    record(invite('own', 'a'), false);
    world.engine.sipTrace.link('c1', 'a', 'caller', [], begunBy('own'));
    for (const path of ['/api/v1/trace?format=pcap', '/api/v1/calls/c1/trace?format=pcap']) {
      const { status, headers } = await ask(world, world.tokens.system, 'GET', path);
      expect([status, headers['content-type']]).toEqual([200, 'application/vnd.tcpdump.pcap']);
    }
  });

  test('a tenant admin sees its own calls only, not the node’s messages', async () => {
    expect((await ask(world, world.tokens.acme, 'GET', '/api/v1/trace')).status).toBe(403);
  });
});

describe('two tenants with calls of one SIP Call-ID', () => {
  const ended = (tenant: string, callId: string) => ({
    ...{ tenant, callId, sipCallIds: ['shared'], direction: 'inbound' as const, callerNumber: '1', calledNumber: '2' },
    ...{ startedAt: '2026-11-01T00:00:00Z', endedAt: '2026-11-01T00:01:00Z', durationMs: 60_000, talkMs: 0 },
    ...{ attempts: [], status: 200, reason: 'OK', hungUpBy: 'callee' as const },
  });

  test.each([['acme'], ['bolt']] as const)(
    'each sees its own, by that Call-ID and whichever began or ended last: %s',
    async (first) => {
      const second = first === 'acme' ? 'bolt' : 'acme';
      for (const tenant of [first, second]) {
        record(invite(tenant), false);
        world.engine.sipTrace.link(`ended-${tenant}`, 'shared', 'caller', [], begunBy(tenant));
      }
      for (const tenant of [second, first]) world.records.append(ended(tenant, `ended-${tenant}`));
      for (const [own, other] of [
        ['acme', 'bolt'],
        ['bolt', 'acme'],
      ] as const) {
        const trace = await ask(world, world.tokens[own], 'GET', '/api/v1/calls/shared/trace');
        expect([trace.status, trace.body.messages.length]).toEqual([200, 1]);
        expect(trace.text).toContain(`sip:${own}`);
        expect(trace.text).not.toContain(other);
        const kept = await ask(world, world.tokens[own], 'GET', '/api/v1/call-records/shared');
        expect(kept.body).toMatchObject({ callId: `ended-${own}`, tenant: own });
        expect((await ask(world, world.tokens[own], 'GET', `/api/v1/calls/ended-${other}/trace`)).status).toBe(404);
      }
    },
  );

  test('a call of another’s whose SIP Call-ID is the id of a call of one’s own is not shown for it', async () => {
    world.records.append(ended('acme', 'own-id'));
    record(invite('bolt', 'own-id'), false);
    world.engine.sipTrace.link('of-bolt', 'own-id', 'caller', [], begunBy('bolt'));
    expect((await ask(world, world.tokens.acme, 'GET', '/api/v1/calls/own-id/trace')).status).toBe(404);
    const explained = vi.spyOn(world.engine, 'explainCall');
    await ask(world, world.tokens.acme, 'GET', '/api/v1/calls/own-id/explain');
    expect(explained.mock.calls).toEqual([['own-id', true]]);
  });

  test('an admin of no tenant sees no call', () => {
    world.records.append(ended('bolt', 'ended-bolt'));
    const nobody: Identity = { actor: 'token:x', role: 'tenant-admin', owner: false };
    expect(tracedId({ engine: world.engine, records: world.records } as never, nobody, 'ended-bolt')).toBeUndefined();
  });

  test('a live call is named by its own admin alone', async () => {
    for (const tenant of ['acme', 'bolt'])
      world.engine.liveCalls.push({
        ...{ tenant, callId: `call-${tenant}`, sipCallIds: ['shared'], direction: 'outbound', from: '101', to: '9123' },
        ...{ state: 'answered', startedAt: '2026-11-01T00:00:00Z' },
      });
    for (const own of ['acme', 'bolt'] as const) {
      const url = '/api/v1/calls/shared';
      expect((await ask(world, world.tokens[own], 'GET', url)).body).toMatchObject({ callId: `call-${own}` });
      expect((await ask(world, world.tokens[own], 'DELETE', url)).status).toBe(204);
      expect((await ask(world, world.tokens[own], 'GET', url)).status).toBe(404);
    }
  });
});
