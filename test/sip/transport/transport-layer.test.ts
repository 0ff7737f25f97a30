import { afterEach, describe, expect, test, vi } from 'vitest';
import { SettingsError } from '../../../src/base/errors.ts';
import { isOwnShortage } from '../../../src/sip/transport/transport-layer.ts';
import type { Target } from '../../../src/sip/transport/types.ts';
import { turns } from '../../kit/turns.ts';
import { Cleanup, tcp, udp } from './node.ts';
import { options } from './recorder.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

describe('listening', () => {
  test('port 0 takes a free port and reports it, on IPv4 and IPv6, UDP and TCP at once', async () => {
    const node = await cleanup.node().open(udp, tcp, { ...udp, host: '::1' }, { ...tcp, host: '::1' });
    const listening = node.layer.listening();
    expect(listening.map(({ transport, host }) => `${transport} ${host}`)).toEqual([
      'udp 127.0.0.1',
      'tcp 127.0.0.1',
      'udp ::1',
      'tcp ::1',
    ]);
    for (const { port } of listening) expect(port).toBeGreaterThan(0);
  });

  test('several listeners of one transport: a target may name the one to leave from', async () => {
    const node = await cleanup.node().open({ ...udp, id: 'first' }, { ...udp, id: 'second' });
    const peer = await cleanup.node().open(udp);
    node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port(), listenerId: 'second' }).send('x');
    expect((await peer.user.next('message')).flow.remotePort).toBe(node.port(1));
  });

  test('a connection from one listener is not reused for a target that names another', async () => {
    const node = await cleanup.node().open({ ...tcp, id: 'first' }, { ...tcp, id: 'second', host: '127.0.0.3' });
    const peer = await cleanup.node().open(tcp);
    const to = { transport: 'tcp', address: '127.0.0.1', port: peer.port() } as const;
    const usual = node.layer.flowTo(to);
    const named = node.layer.flowTo({ ...to, listenerId: 'second' });
    expect(named).not.toBe(usual);
    expect(node.layer.flowTo({ ...to, listenerId: 'second' })).toBe(named);
    expect(node.layer.flowTo({ ...to, listenerId: 'first' })).toBe(usual);
    named.send(options('a'));
    expect((await peer.user.next('message')).flow.remoteAddress).toBe('127.0.0.3');
    expect(node.layer.advertised(named).host).toBe('127.0.0.3');
  });

  test('a listener named for another transport stands for the one at its address; of another family it leads nowhere', async () => {
    const node = await cleanup
      .node()
      .open(
        { ...udp, id: 'first' },
        { ...udp, id: 'second', host: '127.0.0.3' },
        { ...udp, id: 'six', host: '::1' },
        tcp,
        { ...tcp, host: '127.0.0.3' },
        { ...tcp, host: '::1' },
      );
    const hostToward = (transport: 'udp' | 'tcp', listenerId: string, address: string) =>
      node.layer.advertisedToward({ transport, address, port: 5060, listenerId })?.host;
    expect(hostToward('tcp', 'first', '127.0.0.1')).toBe('127.0.0.1');
    expect(hostToward('tcp', 'second', '127.0.0.1')).toBe('127.0.0.3');
    expect(hostToward('tcp', 'second', '::1')).toBe('::1');
    expect(hostToward('tcp', 'no such', '127.0.0.1')).toBe('127.0.0.1');
    expect(hostToward('udp', 'second', '::1')).toBeUndefined();
    expect(hostToward('udp', 'six', '127.0.0.1')).toBeUndefined();
  });

  test('a listener of another transport at the same address is found, or else one on all interfaces of the family', async () => {
    const node = await cleanup
      .node()
      .open(
        { ...udp, id: 'first' },
        { ...udp, id: 'second', host: '127.0.0.3' },
        { ...udp, id: 'six', host: '::1' },
        { ...tcp, id: 'everywhere', host: '0.0.0.0' },
        { ...tcp, id: 'beside', host: '127.0.0.3' },
      );
    const beside = (listenerId: string, address = '127.0.0.1') =>
      node.layer.listenerBeside({ transport: 'udp', address, port: 5060, listenerId }, 'tcp');
    expect([beside('first'), beside('second'), beside('six', '::1')]).toEqual(['everywhere', 'beside', undefined]);
  });

  test('listeners are added beside others, all or none', async () => {
    const node = await cleanup.node().open({ ...udp, id: 'first' });
    await node.layer.add([{ ...tcp, id: 'second' }]);
    const taken = node.layer.listening().find(({ id }) => id === 'second')?.port ?? 0;
    await expect(
      node.layer.add([
        { ...udp, id: 'third' },
        { ...tcp, id: 'fourth', port: taken },
      ]),
    ).rejects.toThrow(/cannot listen on tcp/);
    expect(node.layer.listening().map(({ id }) => id)).toEqual(['first', 'second']);
  });

  test('one that is removed takes nothing new at once; what is under way on it has 32 s', async () => {
    const node = await cleanup
      .node()
      .open({ ...udp, id: 'first' }, { ...udp, id: 'second' }, { ...tcp, id: 'streams' });
    const peer = await cleanup.node().open(udp, tcp);
    const flow = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port(), listenerId: 'first' });
    const byStream = { transport: 'tcp', address: '127.0.0.1', port: peer.port(1) } as const;
    const connection = node.layer.flowTo(byStream);
    node.layer.remove('first');
    node.layer.remove('streams');
    expect(node.layer.flowTo(byStream)).not.toBe(connection);
    expect(node.layer.listening().map(({ id }) => id)).toEqual(['second']);
    expect(node.layer.supports('tcp', '127.0.0.1')).toBe(false);
    // Its own answers still leave from it.
    flow.send(options('a'));
    expect((await peer.user.next('message')).flow.remotePort).toBe(node.port(0));
    const next = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port(), listenerId: 'first' });
    next.send(options('b'));
    expect((await peer.user.next('message')).flow.remotePort).toBe(node.port(1));
    await expect(node.layer.add([{ ...udp, id: 'first' }])).rejects.toThrow(/being closed/);
  });

  test('an address that cannot be opened is named with the reason, and nothing stays open', async () => {
    const holder = await cleanup.node().open(tcp, udp);
    const node = cleanup.node();
    const refused = node.open(
      { ...tcp, port: holder.port(0) },
      { ...udp, port: holder.port(1) },
      { ...udp, host: '192.0.2.1' },
      { ...udp, host: 'localhost' },
      udp,
    );
    const error = await refused.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(SettingsError);
    expect((error as SettingsError).problems.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      `listen[0].port: cannot listen on tcp 127.0.0.1:${holder.port(0)}: another process has the port (EADDRINUSE): stop it, or set another port`,
      `listen[1].port: cannot listen on udp 127.0.0.1:${holder.port(1)}: another process has the port (EADDRINUSE): stop it, or set another port`,
      'listen[2].host: cannot listen on udp 192.0.2.1:0: this machine does not have the address (EADDRNOTAVAIL): set one of its own, or 0.0.0.0 for all',
      'listen[3]: cannot listen on udp localhost:0: not an IP address',
    ]);
    expect(node.layer.listening()).toEqual([]);
    expect(await node.open(udp)).toBe(node);
  });
});

describe('flows to targets', () => {
  test('§18.1.1: requests to one target share one connection; a bare octet stream arrives whole', async () => {
    const node = await cleanup.node().open(tcp);
    const peer = await cleanup.node().open(tcp);
    const target = { transport: 'tcp', address: '127.0.0.1', port: peer.port() } as const;
    const flow = node.layer.flowTo(target);
    flow.send(options('a'));
    flow.send(options('b', '\u00ff\u0000body'));
    expect(node.layer.flowTo(target)).toBe(flow);
    expect((await peer.user.next('message')).text).toBe(options('a'));
    expect((await peer.user.next('message')).text).toBe(options('b', '\u00ff\u0000body'));
    expect(peer.layer.counters.connectionsAccepted).toBe(1);
  });

  test.each(['udp', 'tcp', 'tls'] as const)(
    'nothing leaves for a guarded %s target that the guard refuses, also over a connection that is there; others are free',
    async (transport) => {
      const listeners = transport === 'udp' ? [udp] : [tcp];
      const node = await cleanup.node({ egress: { refusal: () => 'not there' } }).open(...listeners);
      const peer = await cleanup.node().open(...listeners);
      const target = { transport, address: '127.0.0.1', port: peer.port() };
      const free = transport === 'tls' ? undefined : node.layer.flowTo(target);
      free?.send(options('free'));
      const flow = node.layer.flowTo({ ...target, guarded: true });
      flow.send(options('guarded'));
      expect((await node.user.next('failed')).text).toBe('not there');
      expect(flow).not.toBe(free);
      if (free !== undefined) expect((await peer.user.next('message')).text).toBe(options('free'));
      expect(peer.user.count('message')).toBe(free === undefined ? 0 : 1);
      expect(peer.layer.counters.connectionsAccepted).toBe(transport === 'tcp' ? 1 : 0);
    },
  );

  test("half of the connections lead to tenants' places, and no tenant takes all of those", async () => {
    const node = await cleanup.node({ limits: { maxConnections: 8 } }).open(tcp);
    const peers = await cleanup.node().open(...Array.from({ length: 9 }, (_, at) => ({ ...tcp, id: `tcp${at}` })));
    const opened = (first: number, more: Partial<Target>) =>
      [0, 1, 2, 3].map((at) => {
        const flow = node.layer.flowTo({
          transport: 'tcp',
          address: '127.0.0.1',
          port: peers.port(first + at),
          ...more,
        });
        return [flow, flow.listenerId !== ''] as const;
      });
    const isOpen = (flows: ReturnType<typeof opened>) => flows.map(([, isMade]) => isMade);
    const ofAcme = opened(0, { guarded: true, owner: 'acme' });
    expect(isOpen(ofAcme)).toEqual([true, true, true, false]);
    await turns();
    expect(
      node.user.events.filter(({ kind }) => kind === 'failed').map(({ text = '' }) => isOwnShortage(text)),
    ).toEqual([true]);
    expect(isOpen(opened(4, { guarded: true, owner: 'globex' }))).toEqual([true, false, false, false]);
    await turns();
    expect(isOpen(opened(5, {}))).toEqual([true, true, true, true]);
    await turns();
    for (const [flow] of ofAcme) flow.close('done');
    await vi.waitFor(() => expect(node.layer.counters.connections).toBe(5), 5_000);
    expect(isOpen(opened(0, { guarded: true, owner: 'globex' }))).toEqual([true, true, false, false]);
  });

  test('RFC 5923: the accepting side answers and sends requests on the connection that the peer made', async () => {
    const node = await cleanup.node().open(tcp);
    const peer = await cleanup.node().open(tcp);
    node.layer.flowTo({ transport: 'tcp', address: '127.0.0.1', port: peer.port() }).send(options('a'));
    const { flow } = await peer.user.next('message');
    flow.send(options('back'));
    expect((await node.user.next('message')).text).toBe(options('back'));
    expect(node.layer.counters.connectionsAccepted).toBe(0);
  });

  test('RFC 5923 §9: without a verified certificate nobody can claim a port by alias', async () => {
    const node = await cleanup.node().open(tcp);
    const client = await cleanup.client(node.port());
    client.write(options('a'));
    const { flow } = await node.user.next('message');
    node.layer.alias(flow, 5060);
    const other = node.layer.flowTo({ transport: 'tcp', address: '127.0.0.1', port: 5060 });
    expect(other.key).not.toBe(flow.key);
    other.close('done');
  });

  test('a refused connection is reported on a later turn and a new one is tried the next time', async () => {
    const gone = await cleanup.node().open(tcp);
    const port = gone.port();
    await gone.layer.close();
    const node = await cleanup.node().open(tcp);
    const flow = node.layer.flowTo({ transport: 'tcp', address: '127.0.0.1', port });
    flow.send(options('a'));
    expect(node.user.count('failed')).toBe(0);
    const failed = await node.user.next('failed');
    expect(failed.flow).toBe(flow);
    expect(failed.text).toBe('connection refused');
    expect(flow.closed).toBe(true);
    const again = node.layer.flowTo({ transport: 'tcp', address: '127.0.0.1', port });
    expect(again).not.toBe(flow);
    await node.user.next('failed');
    expect(node.layer.counters.connections).toBe(0);
  });

  test('a target without a listener of its kind fails the same way', async () => {
    const node = await cleanup.node().open(udp);
    const flow = node.layer.flowTo({ transport: 'tls', address: '127.0.0.1', port: 5061 });
    flow.send(options('a'));
    expect((await node.user.next('failed')).text).toBe('no TLS listener for this address family');
    expect(node.layer.flowTo({ transport: 'udp', address: '::1', port: 5060 }).closed).toBe(true);
  });

  test('IPv6 end to end over UDP and TCP', async () => {
    const listeners = [
      { ...udp, host: '::1' },
      { ...tcp, host: '::1' },
    ];
    const node = await cleanup.node().open(...listeners);
    const peer = await cleanup.node().open(...listeners);
    for (const [index, transport] of (['udp', 'tcp'] as const).entries()) {
      node.layer.flowTo({ transport, address: '::1', port: peer.port(index) }).send(options(transport));
      const { text, flow } = await peer.user.next('message');
      expect([text, flow.transport, flow.remoteAddress]).toEqual([options(transport), transport, '::1']);
    }
  });

  test('a connection cut by the peer is told once and leaves nothing behind', async () => {
    const node = await cleanup.node().open(tcp);
    const client = await cleanup.client(node.port());
    client.write(options('a'));
    const { flow } = await node.user.next('message');
    client.socket.resetAndDestroy();
    expect((await node.user.next('failed')).text).toBe('connection reset by the peer');
    expect(flow.closed).toBe(true);
    flow.send('late');
    expect((await node.user.next('undelivered')).text).toBe('late');
    expect(node.layer.counters.connections).toBe(0);
    expect(node.scheduler.armedCount).toBe(0);
  });
});

describe('closing', () => {
  test('what was sent leaves before the sockets close, and no timer stays armed', async () => {
    const node = await cleanup.node().open(tcp, udp);
    const peer = await cleanup.node().open(tcp);
    const flow = node.layer.flowTo({ transport: 'tcp', address: '127.0.0.1', port: peer.port() });
    flow.send(options('first'));
    await peer.user.next('message');
    flow.send(options('last'));
    await node.layer.close();
    expect((await peer.user.next('message')).text).toBe(options('last'));
    expect((await peer.user.next('closed')).text).toBe('closed by the peer');
    expect(node.scheduler.armedCount).toBe(0);
    expect(node.layer.counters.connections).toBe(0);
  });
});
