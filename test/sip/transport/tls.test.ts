import { X509Certificate } from 'node:crypto';
import { connect as tlsConnect } from 'node:tls';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { ListenerOptions, TlsCredentials } from '../../../src/sip/transport/index.ts';
import { type CertificateRequest, TestAuthority } from '../../kit/certificates.ts';
import { startChild } from '../../kit/child.ts';
import { peerCommand } from '../../kit/peers.ts';
import { Cleanup, Client, type Node } from './node.ts';
import { options } from './recorder.ts';

const authority = new TestAuthority();
const stranger = new TestAuthority('somebody else');
const cleanup = new Cleanup();
afterEach(() => cleanup.run());
afterAll(() => {
  authority.remove();
  stranger.remove();
});

const serverRequest = { commonName: 'sip.example.com', alternativeNames: ['DNS:sip.example.com'] };
const server = authority.issue(serverRequest);
const client = authority.issue({ commonName: 'phone', alternativeNames: ['URI:sip:phone.example.com'] });

function listener(pair = server, more: Partial<ListenerOptions> = {}): ListenerOptions {
  const { cert: certificate, key } = pair;
  return { transport: 'tls', host: '127.0.0.1', port: 0, certificate, key, clientCa: authority.certificate, ...more };
}

async function serving(pair = server, more: Partial<ListenerOptions> = {}): Promise<Node> {
  return cleanup.node().open(listener(pair, more));
}

/** Sends one request to `peer` over TLS from a new node. */
async function calling(peer: Node, tls: TlsCredentials = {}, serverName = 'sip.example.com'): Promise<Node> {
  const node = await cleanup.node().open(listener());
  const trust = { ca: authority.certificate, ...tls };
  node.layer
    .flowTo({ transport: 'tls', address: '127.0.0.1', port: peer.port(), serverName, tls: trust })
    .send(options('a'));
  return node;
}

function issue(request: Partial<CertificateRequest>) {
  return authority.issue({ ...serverRequest, ...request });
}

test('RFC 5626 §4.4.1: each ping of a peer that reads is answered, though our answers are under way then', async () => {
  const node = await serving();
  node.user.onMessage = (_text, flow) => {
    // As from the inbox: on the next turn. What TLS writes has not left before a later one.
    setImmediate(() => flow.send('x'.repeat(50_000)));
  };
  const { cert, key } = client;
  const at = { host: '127.0.0.1', port: node.port(), ca: authority.certificate, servername: 'sip.example.com' };
  const socket = tlsConnect({ ...at, cert, key });
  cleanup.add(() => socket.destroy());
  const peer = new Client(socket);
  await new Promise<void>((resolve) => socket.once('secureConnect', resolve));
  socket.setNoDelay(true);
  for (let pings = 1; pings <= 20; pings++) {
    peer.write(options(`m${pings}`));
    await new Promise((resolve) => setImmediate(resolve));
    peer.write('\r\n\r\n');
    while (peer.received.length < pings * 50_002) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(peer.received.replaceAll('x', '')).toBe('\r\n'.repeat(20));
});

describe('a server that we call (RFC 5922 §7.3)', () => {
  test('the right name and chain are accepted; TLS 1.2 or newer; SNI names the domain', async () => {
    const peer = await serving();
    const node = await calling(peer);
    const { text, flow } = await peer.user.next('message');
    expect(text).toBe(options('a'));
    expect(flow.transport).toBe('tls');
    flow.send(options('back'));
    const back = await node.user.next('message');
    expect(back.flow.tls).toMatchObject({ verified: true, names: ['sip.example.com'] });
  });

  test.each([
    ['a wrong name', { alternativeNames: ['DNS:other.example.com'] }, 'wrong name in the certificate'],
    ['a wildcard', { alternativeNames: ['DNS:*.example.com'] }, 'wrong name in the certificate'],
    [
      'a DNS name beside a sip: URI',
      { alternativeNames: ['DNS:sip.example.com', 'URI:sip:x.example.com'] },
      'wrong name in the certificate',
    ],
    ['an expired certificate', { days: -2 }, 'certificate expired'],
    [
      'a client-only certificate',
      { extendedKeyUsage: 'clientAuth' },
      'certificate not meant for this use (extended key usage)',
    ],
  ])('%s is refused, and the reason says so', async (_name, request, reason) => {
    const peer = await serving(issue(request));
    const node = await calling(peer);
    expect((await node.user.next('failed')).text).toContain(reason);
    expect((await node.log.line('tls-refused'))['reason']).toContain(reason);
    expect(peer.user.count('message')).toBe(0);
  });

  test('an unknown authority is refused', async () => {
    const node = await calling(await serving(stranger.issue(serverRequest)));
    expect((await node.user.next('failed')).text).toContain('untrusted certificate');
  });

  test('a listener that speaks no TLS is refused', async () => {
    const peer = await cleanup.node().open({ transport: 'tcp', host: '127.0.0.1', port: 0 });
    const node = await calling(peer);
    while (peer.layer.counters.connections === 0) await new Promise((resolve) => setImmediate(resolve));
    // To it the handshake is a message that never ends.
    peer.scheduler.advance(10_000);
    expect((await node.user.next('failed')).text).not.toBe('');
    expect(node.layer.counters.connectFailures).toBe(1);
  });

  test('a wildcard is accepted for a target that allows it, for one label', async () => {
    const peer = await serving(issue({ alternativeNames: ['DNS:*.example.com'] }));
    await calling(peer, { allowWildcard: true });
    await peer.user.next('message');
    const deep = await calling(peer, { allowWildcard: true }, 'a.sip.example.com');
    expect((await deep.user.next('failed')).text).toContain('wrong name');
  });

  test('an IP literal as the configured host is looked for among the addresses', async () => {
    const peer = await serving(issue({ alternativeNames: ['IP:127.0.0.1'] }));
    await calling(peer, {}, '127.0.0.1');
    await peer.user.next('message');
  });

  test('connections are not shared between server names or credentials', async () => {
    const peer = await serving(issue({ alternativeNames: ['DNS:sip.example.com', 'DNS:two.example.com'] }));
    const node = await cleanup.node().open(listener());
    const target = { transport: 'tls', address: '127.0.0.1', port: peer.port() } as const;
    const tls = { ca: authority.certificate };
    const first = node.layer.flowTo({ ...target, tls, serverName: 'sip.example.com' });
    expect(node.layer.flowTo({ ...target, tls: { ...tls }, serverName: 'SIP.example.com' })).toBe(first);
    expect(node.layer.flowTo({ ...target, tls, serverName: 'two.example.com' })).not.toBe(first);
    expect(node.layer.flowTo({ ...target, tls: { ...tls, ...client }, serverName: 'sip.example.com' })).not.toBe(first);
  });
});

describe('client certificates (RFC 5922 §7.4)', () => {
  test('required and valid: accepted, and its names are on the flow', async () => {
    const peer = await serving(server, { clientCertificate: 'required' });
    await calling(peer, client);
    const { flow } = await peer.user.next('message');
    expect(flow.tls).toMatchObject({ verified: true, names: ['phone.example.com'] });
  });

  test.each([
    ['none', {}, 'no client certificate'],
    ['an expired one', authority.issue({ commonName: 'phone', days: -2 }), 'certificate expired'],
    ['one of an unknown authority', stranger.issue({ commonName: 'phone' }), 'untrusted certificate'],
  ])('required and %s: refused, with a log line that says so', async (_name, credentials, reason) => {
    const peer = await serving(server, { clientCertificate: 'required' });
    const node = await calling(peer, credentials);
    const fields = await peer.log.line('tls-refused');
    expect(fields['reason']).toContain(reason);
    expect(fields['remoteAddress']).toBe('127.0.0.1');
    while (node.layer.counters.connections > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(peer.user.count('message')).toBe(0);
    expect(peer.layer.counters.tlsRefused).toBe(1);
  });

  test.each([
    ['none', {}],
    [
      'one of an unknown authority',
      stranger.issue({ commonName: 'phone', alternativeNames: ['URI:sip:phone.example.com'] }),
    ],
  ])('optional and %s: accepted as unauthenticated', async (_name, credentials) => {
    const peer = await serving(server, { clientCertificate: 'optional' });
    await calling(peer, credentials);
    const { flow } = await peer.user.next('message');
    expect(flow.tls).toMatchObject({ verified: false, names: [] });
  });

  test('RFC 5923 §8: a verified peer that asks for it is reached over the connection that it made', async () => {
    const peer = await serving(server, { clientCertificate: 'required' });
    await calling(peer, client);
    const { flow } = await peer.user.next('message');
    peer.layer.alias(flow, 5061);
    const target = { transport: 'tls', address: '127.0.0.1', port: 5061 } as const;
    expect(peer.layer.flowTo({ ...target, serverName: 'phone.example.com' })).toBe(flow);
    const other = peer.layer.flowTo({ ...target, serverName: 'other.example.com' });
    expect(other).not.toBe(flow);
    other.close('done');
  });

  test('RFC 5923 §8: whichever listener it was made to, for a target that names none', async () => {
    const asking = { clientCertificate: 'required' } as const;
    const hosts = ['127.0.0.1', '127.0.0.3', '127.0.0.4'];
    const listeners = hosts.map((host) => listener(server, { ...asking, host, id: host }));
    const peer = await cleanup.node().open(...listeners);
    const node = await cleanup.node().open(listener());
    const to = { transport: 'tls', serverName: 'sip.example.com' } as const;
    const tls = { ca: authority.certificate, ...client };
    node.layer.flowTo({ ...to, address: '127.0.0.3', port: peer.port(1), tls }).send(options('a'));
    const { flow } = await peer.user.next('message');
    peer.layer.alias(flow, 5061);
    const target = { ...to, address: '127.0.0.1', port: 5061, serverName: 'phone.example.com' };
    expect(peer.layer.flowTo(target)).toBe(flow);
    expect(peer.layer.flowTo({ ...target, listenerId: '127.0.0.3' })).toBe(flow);
    const other = peer.layer.flowTo({ ...target, listenerId: '127.0.0.4' });
    expect(other).not.toBe(flow);
    other.close('done');
  });
});

describe('a renewed certificate', () => {
  test('is used for new handshakes, while connections go on; one that does not fit changes nothing', async () => {
    const peer = await serving(issue({ days: -2 }));
    const id = peer.layer.listening()[0]?.id ?? '';
    const refused = await calling(peer);
    expect((await refused.user.next('failed')).text).toContain('certificate expired');
    peer.layer.renewCertificate(id, server.cert, server.key);
    await calling(peer);
    const { flow } = await peer.user.next('message');
    expect(() => peer.layer.renewCertificate(id, client.cert, server.key)).toThrow();
    await calling(peer);
    await peer.user.next('message');
    expect(flow.closed).toBe(false);
  });
});

describe('handshakes', () => {
  test('TLS 1.1 is refused with a log line', async () => {
    const peer = await serving();
    const socket = tlsConnect({
      host: '127.0.0.1',
      port: peer.port(),
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
      rejectUnauthorized: false,
    });
    const raw = new Client(socket);
    await raw.ended;
    expect((await peer.log.line('tls-refused'))['reason']).toContain('no common TLS version');
  });

  test.each([
    ['', () => {}],
    [
      ', after the certificate was renewed too',
      (peer: Node) => peer.layer.renewCertificate(peer.layer.listening()[0]?.id ?? '', server.cert, server.key),
    ],
  ])('TLS 1.2 is not negotiated again on a connection, whoever asks%s', async (_when, prepare) => {
    const peer = await serving();
    prepare(peer);
    const arguments_ = ['s_client', '-connect', `127.0.0.1:${peer.port()}`, '-tls1_2', '-legacy_renegotiation'];
    const client = startChild(peerCommand('openssl'), arguments_);
    cleanup.add(() => client.stop());
    await client.waitFor(/Verify return code.*---/s);
    client.write('R\n');
    await client.waitFor(/no renegotiation/);
  });

  test('messages sent in one turn leave as one record; those of another turn as another', async () => {
    const peer = await serving();
    const socket = tlsConnect({ host: '127.0.0.1', port: peer.port(), rejectUnauthorized: false });
    const raw = new Client(socket);
    const records: string[] = [];
    socket.on('data', (octets) => records.push(octets.toString('latin1')));
    raw.write(options('hello'));
    const { flow } = await peer.user.next('message');
    for (const name of ['a', 'b', 'c']) flow.send(options(name));
    await new Promise((resolve) => setImmediate(resolve));
    flow.send(options('d'));
    await raw.reads(options('d'));
    expect(records).toEqual([options('a') + options('b') + options('c'), options('d')]);
    socket.destroy();
  });

  test('octets that are no TLS are refused, and the slot is free again', async () => {
    const peer = await serving();
    const raw = await cleanup.client(peer.port());
    raw.write(options('plain'));
    await raw.ended;
    await peer.log.line('tls-refused');
    while (peer.layer.counters.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test('a handshake that stalls is closed within its limit', async () => {
    const node = cleanup.node({ limits: { messageTimeoutMs: 150 } });
    await node.open(listener());
    const raw = await cleanup.client(node.port());
    await raw.ended;
    expect((await node.log.line('tls-refused'))['reason']).toBe('handshake not completed in time');
    while (node.layer.counters.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test('key material that cannot be used fails the flow, not the process', async () => {
    const peer = await serving();
    const node = await calling(peer, { cert: 'nonsense', key: 'nonsense' });
    expect((await node.user.next('failed')).text).toContain('cannot connect');
  });
});

describe("names beside the listener's own (RFC 6066 §3)", () => {
  const named = issue({ commonName: 'sbc.acme.example', alternativeNames: ['DNS:sbc.acme.example'] });
  const renewed = issue({ commonName: 'sbc.acme.example', alternativeNames: ['DNS:sbc.acme.example'] });

  async function shown(peer: Node, servername: string): Promise<string> {
    const socket = tlsConnect({ host: '127.0.0.1', port: peer.port(), servername, rejectUnauthorized: false });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }
  const serial = ({ cert }: { readonly cert: string }) => new X509Certificate(cert).serialNumber;

  test("who asks for a name is shown its certificate, another one once it is replaced, and the listener's when it is gone", async () => {
    const peer = await serving();
    expect(await shown(peer, 'sbc.acme.example')).toBe(serial(server));
    peer.layer.serveNames(new Map([['sbc.acme.example', named]]));
    expect(await shown(peer, 'SBC.acme.example')).toBe(serial(named));
    expect(await shown(peer, 'sip.example.com')).toBe(serial(server));
    peer.layer.serveNames(new Map([['sbc.acme.example', renewed]]));
    expect(await shown(peer, 'sbc.acme.example')).toBe(serial(renewed));
    peer.layer.serveNames(new Map());
    expect(await shown(peer, 'sbc.acme.example')).toBe(serial(server));
  });

  test("a name that the listener's own certificate has stays its own", async () => {
    const peer = await serving();
    peer.layer.serveNames(new Map([['sip.example.com', named]]));
    expect(await shown(peer, 'sip.example.com')).toBe(serial(server));
  });

  test("a certificate that cannot be used is told, and the listener's own shown", async () => {
    const peer = await serving();
    peer.layer.serveNames(new Map([['sbc.acme.example', { cert: named.cert, key: server.key }]]));
    expect(await shown(peer, 'sbc.acme.example')).toBe(serial(server));
  });
});

test('a client certificate for servers alone is taken, by an authority that is trusted and while it is valid', async () => {
  const peer = await serving(server, { clientCertificate: 'required' });
  const sbc = {
    commonName: 'sip.pstn.example',
    alternativeNames: ['DNS:sip.pstn.example'],
    extendedKeyUsage: 'serverAuth',
  };
  await calling(peer, authority.issue(sbc));
  const { flow } = await peer.user.next('message');
  expect(flow.tls).toMatchObject({ verified: true, names: ['sip.pstn.example'] });
  for (const pair of [
    stranger.issue(sbc),
    authority.issue({ ...sbc, days: -1 }),
    authority.issue({ ...sbc, extendedKeyUsage: 'codeSigning' }),
  ]) {
    const node = await calling(peer, pair);
    expect((await node.user.next('closed')).flow.closed).toBe(true);
  }
});

test('a target that is retired gets a new connection, and what runs over the old one goes on', async () => {
  const peer = await serving();
  const node = await calling(peer);
  const first = (await peer.user.next('message')).flow;
  const target = { transport: 'tls', address: '127.0.0.1', port: peer.port() } as const;
  node.layer.retire(target);
  node.layer
    .flowTo({ ...target, serverName: 'sip.example.com', tls: { ca: authority.certificate } })
    .send(options('b'));
  const second = (await peer.user.next('message')).flow;
  expect(second.key).not.toBe(first.key);
  first.send(options('late'));
  expect((await node.user.next('message')).text).toBe(options('late'));
});
