import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connect } from 'node:tls';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SettingsError } from '../../src/base/errors.ts';
import { type RunningNode, startNode } from '../../src/node/node.ts';
import { replaceAuthorization } from '../../src/sip/auth/digest-client.ts';
import { DigestClient } from '../../src/sip/auth/index.ts';
import {
  createResponse,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../../src/sip/message/index.ts';
import { freePort } from '../kit/free-port.ts';
import { onSip } from '../kit/sip-datagrams.ts';

/** A node on real sockets, with the files that an operator would write. */
const TOKEN = 'c4n4ry-token-0123456789abcdef0123456789';
const PASSWORD = 'c4n4ry-password';

const tenant = (more: Record<string, unknown> = {}) => ({
  name: 'acme',
  domain: 'acme.example.com',
  extensions: [
    { number: '101', password: PASSWORD },
    { number: '102', password: PASSWORD },
  ],
  outboundRules: [{ name: 'world', routes: [{ trunk: 'carrier' }] }],
  ...more,
});

let folder: string;
let node: RunningNode | undefined;
let socket: Socket;
let carrier: Socket;
let lines: string[];

const provisioningFile = () => join(folder, 'provisioning.json');
const trunk = (more: Record<string, unknown> = {}) => ({
  name: 'carrier',
  type: 'ip',
  host: '127.0.0.1',
  port: carrier.address().port,
  options: { keepAlive: { enabled: false } },
  credentials: { authName: 'acme', password: 'c4n4ry-carrier' },
  tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
  ...more,
});

function provision(state: unknown): void {
  writeFileSync(provisioningFile(), JSON.stringify(state));
}

function configure(more: Record<string, unknown> = {}): string {
  const file = join(folder, 'tandem.json');
  const settings = {
    listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }],
    store: { kind: 'embedded', path: join(folder, 'data') },
    provisioning: [provisioningFile()],
    api: { port: 0 },
    ...more,
  };
  writeFileSync(file, JSON.stringify(settings));
  return file;
}

async function start(configFile = configure(), variables: Record<string, string> = {}): Promise<RunningNode> {
  node = await startNode({
    configFile,
    environment: { TANDEM_BOOTSTRAP_TOKEN: TOKEN, ...variables },
    logStream: { write: (line) => lines.push(line) },
  });
  return node;
}

async function bound(): Promise<Socket> {
  const udp = createSocket('udp4');
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  return udp;
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-node-'));
  lines = [];
  [socket, carrier] = await Promise.all([bound(), bound()]);
  provision({ tenants: [tenant()], trunks: [trunk()] });
});

afterEach(async () => {
  await node?.close();
  node = undefined;
  socket.close();
  carrier.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Sends a request and gives its final response. */
function ask(text: string): Promise<SipResponse> {
  const { port = 0 } = node?.listening[0] ?? {};
  return new Promise((resolve) => {
    const end = onSip(socket, (octets) => {
      const message = parseMessage(octets);
      if (message.kind !== 'response' || message.status < 200) return;
      end();
      resolve(message);
    });
    socket.send(Buffer.from(text, 'latin1'), port, '127.0.0.1');
  });
}

let serial = 0;
function request(method: string, uri: string, cseq = 1, callId = `node-${++serial}`): SipRequest {
  const { port } = socket.address();
  const lines = [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${port};rport;branch=z9hG4bK-${++serial}`,
    'Max-Forwards: 70',
    'From: <sip:101@acme.example.com>;tag=1',
    `To: <${method === 'REGISTER' ? 'sip:101@acme.example.com' : uri}>`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    `Contact: <sip:101@127.0.0.1:${port}>`,
    'Content-Length: 0',
  ];
  return parseMessage(`${lines.join('\r\n')}\r\n\r\n`) as SipRequest;
}

async function signedIn(method: string, uri: string, password = PASSWORD): Promise<SipResponse> {
  const first = request(method, uri);
  const challenge = await ask(serialize(first));
  const again = request(method, uri, 2, first.callId());
  const answer = new DigestClient({ username: '101', secret: { password } }).answer(challenge, again, 'udp:node', 0);
  if (answer.kind !== 'retry') throw new Error(answer.reason);
  replaceAuthorization(again, answer.headers);
  return ask(serialize(again));
}

async function get(path: string): Promise<string> {
  const response = await fetch(`${node?.apiAddress}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });
  return `${response.status} ${await response.text()}`;
}

test('a variable that is named as a setting and is none is told at the start', async () => {
  await start(configure(), { TANDEM_LOG_LEVLE: 'debug', TANDEM_LOG_LEVEL: 'info', TANDEM_STORE_KEY: 'ab'.repeat(32) });
  const told = lines.filter((line) => line.includes('variables-unknown'));
  expect(told.map((line) => (JSON.parse(line) as { variables: string }).variables)).toEqual(['TANDEM_LOG_LEVLE']);
});

test('live transactions, calls and dialogs are gauges of /metrics', async () => {
  await start();
  const gauge = async (name: string) =>
    Number(new RegExp(`^tandem_${name} ([0-9]+)$`, 'm').exec(await get('/metrics'))?.[1] ?? Number.NaN);
  const names = ['server_transactions_live', 'client_transactions_live', 'calls_live', 'dialogs_live'];
  const all = () => Promise.all(names.map(gauge));
  expect(await all()).toEqual([0, 0, 0, 0]);
  expect((await signedIn('REGISTER', 'sip:acme.example.com')).status).toBe(200);
  // Known for its copies.
  expect(await all()).toEqual([1, 0, 0, 0]);
  const rings = new Promise<SipRequest>((resolve) => {
    onSip(socket, (octets) => {
      const message = parseMessage(octets);
      if (message.kind === 'request' && message.method === 'INVITE') resolve(message);
    });
  });
  // Its own phone rings, and nobody answers.
  void signedIn('INVITE', 'sip:101@acme.example.com');
  const ringing = createResponse(await rings, 180, 'Ringing', { toTag: 'here' });
  socket.send(Buffer.from(serialize(ringing), 'latin1'), node?.listening[0]?.port ?? 0, '127.0.0.1');
  await vi.waitFor(async () => expect(await gauge('dialogs_live')).toBeGreaterThan(0), { timeout: 10_000 });
  const [servers, ...others] = await all();
  expect(servers).toBeGreaterThanOrEqual(2);
  expect(others.slice(0, 2)).toEqual([1, 1]);
});

describe('settings of the HTTP interface', () => {
  const post = async (octets: number): Promise<number> => {
    const response = await fetch(`${node?.apiAddress}/api/v1/provisioning`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ surplus: 'x'.repeat(octets) }),
    });
    return response.status;
  };

  test('api.bodyBytes is the length of a provisioning document, more or less than other bodies may have', async () => {
    await start(configure({ api: { port: 0, bodyBytes: 3_000_000 } }));
    expect([await post(2_900_000), await post(3_000_000)]).toEqual([422, 413]);
    await node?.close();
    await start(configure({ api: { port: 0, bodyBytes: 2000 } }));
    expect([await post(1900), await post(2000)]).toEqual([422, 413]);
  });

  test('api.metricsAccess: system closes /metrics to all without a token; api.docs: false serves no /docs', async () => {
    await start(configure({ api: { port: 0, metricsAccess: 'system', docs: false } }));
    expect((await fetch(`${node?.apiAddress}/metrics`)).status).toBe(401);
    expect(await get('/metrics')).toMatch(/^200 /);
    expect((await fetch(`${node?.apiAddress}/docs`)).status).toBe(404);
  });

  test('on all addresses, as in the image, metrics and the reference need a token, /docs is off; health needs none', async () => {
    const { apiAddress } = await start(configure({ api: { host: '0.0.0.0', port: 0 } }));
    const base = apiAddress?.replace('//0.0.0.0:', '//127.0.0.1:');
    for (const [path, status] of [
      ['/metrics', 401],
      ['/openapi.json', 401],
      ['/docs', 404],
      ['/healthz', 200],
    ] as const)
      expect([path, (await fetch(`${base}${path}`)).status]).toEqual([path, status]);
  });
});

describe('reload', () => {
  test('serves what the files say now; bindings of extensions that are gone go too', async () => {
    const running = await start();
    expect((await signedIn('REGISTER', 'sip:acme.example.com')).status).toBe(200);
    provision({ tenants: [tenant({ extensions: [{ number: '102', password: PASSWORD }] })], trunks: [trunk()] });
    await running.reload();
    expect(running.provisioner.directory.extension('acme', '101')).toBe(undefined);
    expect(running.engine.registrations.registrar.count).toBe(0);
    expect((await signedIn('REGISTER', 'sip:acme.example.com')).status).toBe(401);
  });

  test('all or nothing: one fault in a file and nothing changes', async () => {
    const running = await start();
    const before = running.provisioner.current();
    provision({
      tenants: [tenant({ domain: 'new.example.com' })],
      trunks: [trunk({ tenants: [{ tenant: 'nobody', didPool: '1-2' }] })],
    });
    await expect(running.reload()).rejects.toThrow(SettingsError);
    expect(running.provisioner.current()).toEqual(before);
    writeFileSync(provisioningFile(), '{ broken');
    await expect(running.reload()).rejects.toThrow(SettingsError);
    expect(running.provisioner.current()).toEqual(before);
    expect((await ask(serialize(request('OPTIONS', 'sip:127.0.0.1')))).status).toBe(200);
  });

  test('the audit log names the file that changed a tenant or trunk, at the start and at a reload', async () => {
    const running = await start();
    provision({ tenants: [tenant({ domain: 'new.example.com' })], trunks: [trunk()] });
    expect(await running.reload()).toEqual({ applied: ['tenants/acme'], needsRestart: [] });
    const { items } = JSON.parse((await get('/api/v1/audit')).slice(4)) as { items: Record<string, unknown>[] };
    const actor = `file:${provisioningFile()}`;
    const { id } = running.provisioner.directory.trunks.at(0) ?? { id: '' };
    expect(items.map(({ actor, action, resource }) => ({ actor, action, resource }))).toEqual([
      { actor, action: 'update', resource: 'tenants/acme' },
      { actor, action: 'create', resource: `trunks/${id}` },
      { actor, action: 'create', resource: 'tenants/acme' },
    ]);
  });

  test('POST /api/v1/reload does the same, and answers every fault with file and place', async () => {
    const running = await start();
    provision({ tenants: [tenant({ domain: 'new.example.com' })], trunks: [trunk()] });
    const post = async () => {
      const response = await fetch(`${running.apiAddress}/api/v1/reload`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}` },
      });
      const body = (await response.json()) as { code?: string; errors?: { path: string }[] };
      return { status: response.status, body };
    };
    expect(await post()).toEqual({ status: 200, body: { applied: ['tenants/acme'], needsRestart: [] } });
    provision({ tenants: [tenant({ domain: 'no domain' })], trunks: [trunk()] });
    const { status, body } = await post();
    expect([status, body.code, body.errors?.[0]?.path]).toEqual([
      422,
      'reload-refused',
      expect.stringMatching(/^.*provisioning\.json:\d+:\d+ tenants\[0\]\.domain$/),
    ]);
    expect(running.provisioner.directory.tenants.map(({ domain }) => domain)).toEqual(['new.example.com']);
  });

  test('listeners that the file adds are open from then on, and those it does not name any more take nothing new', async () => {
    const udp = { transport: 'udp', host: '127.0.0.1', port: 0, name: 'main' };
    const running = await start(configure({ listen: [udp] }));
    const stream = async () => {
      const { port } = running.engine.listening.find(({ transport }) => transport === 'tcp') ?? { port: 0 };
      const client = connectTcp(port, '127.0.0.1');
      await once(client, 'connect');
      client.write(serialize(request('OPTIONS', 'sip:127.0.0.1')).replace('/UDP ', '/TCP '), 'latin1');
      const [answer] = (await once(client, 'data')) as [Buffer];
      client.destroy();
      return { port, answer: answer.toString('latin1') };
    };
    configure({ listen: [udp, { ...udp, name: 'streams', transport: 'tcp' }] });
    expect(await running.reload()).toEqual({ applied: ['listen'], needsRestart: [] });
    const { port, answer } = await stream();
    expect(answer).toMatch(/^SIP\/2\.0 200 /);
    // A trunk over TCP is allowed now: the provisioning is checked against what is listened on.
    provision({ tenants: [tenant()], trunks: [trunk({ transport: 'tcp' })] });
    await running.reload();

    provision({ tenants: [tenant()], trunks: [trunk()] });
    configure({ listen: [udp] });
    expect(await running.reload()).toMatchObject({ needsRestart: [] });
    await expect(once(connectTcp(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    expect((await ask(serialize(request('OPTIONS', 'sip:127.0.0.1')))).status).toBe(200);

    // A fault elsewhere in the files: what was opened is closed at once, and may be opened by the next one.
    configure({ listen: [udp, { ...udp, name: 'second', transport: 'tcp' }] });
    writeFileSync(provisioningFile(), '{ broken');
    await expect(running.reload()).rejects.toThrow(SettingsError);
    provision({ tenants: [tenant()], trunks: [trunk()] });
    expect(await running.reload()).toMatchObject({ applied: ['listen'] });

    configure({ listen: [udp, { ...udp, name: 'elsewhere', host: '192.0.2.1' }] });
    await expect(running.reload()).rejects.toThrow(/192\.0\.2\.1.*does not have the address/);
    expect(running.engine.listening.map(({ id }) => id)).toEqual(['main', 'second']);
  });

  test('reloads that are asked for at once come one after the other', async () => {
    const running = await start();
    provision({ tenants: [tenant({ domain: 'new.example.com' })], trunks: [trunk()] });
    const [first, second] = await Promise.all([running.reload(), running.reload()]);
    expect([first.applied, second.applied]).toEqual([['tenants/acme'], []]);
    expect(lines.filter((line) => line.includes('"event":"reloaded"')).length).toBe(2);
  });

  describe('with a TLS listener', () => {
    const secured = () => {
      const [certificate, key] = [join(folder, 'tls', 'cert.pem'), join(folder, 'tls', 'key.pem')];
      const listen = [
        { transport: 'tls', host: '127.0.0.1', port: 0, certificate, key, selfSigned: true },
        { transport: 'udp', host: '127.0.0.1', port: 0 },
      ];
      return { certificate, key, configFile: configure({ listen }) };
    };
    const shown = async (running: RunningNode) => {
      const { port = 0 } = running.listening[0] ?? {};
      const secure = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
      await once(secure, 'secureConnect');
      const { fingerprint256 } = secure.getPeerCertificate();
      secure.destroy();
      return fingerprint256;
    };

    test('a pair of selfSigned that has gone is made anew, and is in force with what the files say', async () => {
      const { certificate, key, configFile } = secured();
      const running = await start(configFile);
      const before = await shown(running);
      rmSync(certificate);
      rmSync(key);
      provision({ tenants: [tenant({ domain: 'new.example.com' })], trunks: [trunk()] });
      expect(await running.reload()).toMatchObject({ applied: ['tenants/acme'] });
      expect(await shown(running)).not.toBe(before);
    });

    test('a pair that cannot be made anew: nothing of the files is applied', async () => {
      const { certificate, configFile } = secured();
      const running = await start(configFile);
      const [before, state] = [await shown(running), running.provisioner.current()];
      rmSync(dirname(certificate), { recursive: true });
      writeFileSync(dirname(certificate), 'a file where the folder was');
      provision({ tenants: [tenant({ domain: 'new.example.com' })], trunks: [trunk()] });
      await expect(running.reload()).rejects.toThrow();
      expect(running.provisioner.current()).toEqual(state);
      expect(await shown(running)).toBe(before);
    });

    test('a file at fault of a trunk: nothing is applied, and the certificate stays', async () => {
      const { certificate, key, configFile } = secured();
      const running = await start(configFile);
      const [before, state] = [await shown(running), running.provisioner.current()];
      const other = await generate([], { keyType: 'ec' });
      writeFileSync(certificate, other.cert);
      writeFileSync(key, other.private);
      const tls = { ca: join(folder, 'none.pem') };
      provision({ tenants: [tenant({ domain: 'new.example.com' })], trunks: [trunk({ transport: 'tls', tls })] });
      await expect(running.reload()).rejects.toThrow(/trunks\[0\]\.tls\.ca.*none\.pem does not exist/);
      expect(running.provisioner.current()).toEqual(state);
      expect(await shown(running)).toBe(before);
    });
  });

  test('the same files again change nothing', async () => {
    const running = await start();
    const { version } = running.provisioner.current();
    await running.reload();
    expect(running.provisioner.current().version).toBe(version);
  });
});

describe('transports that are added while a node runs', () => {
  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${node?.apiAddress}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };
  const overTcp = async (port: number) => {
    const client = connectTcp(port, '127.0.0.1');
    await once(client, 'connect');
    client.write(serialize(request('OPTIONS', 'sip:127.0.0.1')).replace('/UDP ', '/TCP '), 'latin1');
    const [answer] = (await once(client, 'data')) as [Buffer];
    client.destroy();
    return answer.toString('latin1').slice(0, 11);
  };
  const shownAt = async (port: number) => {
    const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(client, 'secureConnect');
    const { fingerprint256 } = client.getPeerCertificate();
    client.destroy();
    return fingerprint256;
  };

  test('are open at once and after a restart, for trunks of files too; what is in use stays, and what is removed is gone', async () => {
    const port = await freePort();
    await start();
    const added = await call('POST', '/api/v1/transports', {
      name: 'streams',
      transport: 'tcp',
      host: '127.0.0.1',
      port,
    });
    expect(added).toMatchObject({ status: 201 });
    expect(await overTcp(port)).toBe('SIP/2.0 200');
    expect((await call('GET', '/api/v1/audit')).text).toContain('"transports/streams"');
    provision({ tenants: [tenant()], trunks: [trunk({ transport: 'tcp' })] });
    await node?.reload();
    await node?.close();

    const again = await start();
    expect(await overTcp(port)).toBe('SIP/2.0 200');
    expect(statSync(join(folder, 'data/transports.json')).mode & 0o777).toBe(0o600);
    const refused = await call('DELETE', '/api/v1/transports/streams');
    expect([refused.status, refused.text]).toEqual([409, expect.stringContaining('the trunk carrier')]);
    provision({ tenants: [tenant()], trunks: [trunk()] });
    await again.reload();
    expect(await overTcp(port)).toBe('SIP/2.0 200');
    expect((await call('DELETE', '/api/v1/transports/streams')).status).toBe(204);
    await expect(once(connectTcp(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    expect(JSON.parse((await call('GET', '/api/v1/transports')).text)).toMatchObject({
      total: 1,
      items: [{ managedBy: join(folder, 'tandem.json') }],
    });
  });

  test('over TLS show a certificate of the system, and what it is renewed to at once; it is not deleted under them', async () => {
    const port = await freePort();
    await start();
    const [first, second] = await Promise.all([generate([], { keyType: 'ec' }), generate([], { keyType: 'ec' })]);
    const put = (pair: typeof first) =>
      call('PUT', '/api/v1/certificates/edge', { name: 'edge', use: 'tls', chain: pair.cert, key: pair.private });
    expect((await put(first)).status).toBe(201);
    const wanted = { name: 'edge', transport: 'tls', host: '127.0.0.1', port, certificate: 'edge' };
    expect((await call('POST', '/api/v1/transports', wanted)).text).toContain('"certificateName":"edge"');
    const before = await shownAt(port);
    expect((await put(second)).status).toBe(200);
    await expect.poll(() => shownAt(port)).not.toBe(before);
    expect((await call('DELETE', '/api/v1/certificates/edge')).text).toContain('certificate-in-use');
  });

  test('and that cannot be opened at a start are told there and in /readyz, and the node serves', async () => {
    const holder = createServer();
    holder.listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const wanted = { name: 'streams', transport: 'tcp', host: '127.0.0.1', port };
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'data/transports.json'), JSON.stringify({ transports: [wanted] }));
    await start();
    expect(await get('/readyz')).toMatch(/^200 .*transport-not-open/);
    expect(await get('/metrics')).toContain('tandem_problem{problem="transport-not-open"} 1');
    expect(lines.filter((line) => line.includes('"event":"transport-not-open"'))).toHaveLength(1);
    expect(await get('/api/v1/transports')).toContain('another process has the port');
    expect((await call('POST', '/api/v1/transports', { ...wanted, name: 'b' })).status).toBe(422);
    holder.close();
  });
});

describe('start', () => {
  test('demo passwords on a listener that others reach: refused with one line, from a file and from the store alike; nothing is stored', async () => {
    const demo = { number: '101', password: 'demo-alice-101' };
    const elsewhere = { listen: [{ transport: 'udp', host: '0.0.0.0', port: 0 }] };
    provision({ tenants: [tenant({ extensions: [demo] })], trunks: [trunk()] });
    await expect(start(configure(elsewhere))).rejects.toThrow(/^[^\n]*extension 101 of tenant "acme"[^\n]*$/);
    const kept = await start(configure({ provisioning: [] }));
    expect(kept.provisioner.directory.tenants).toEqual([]);
    await kept.close();
    await (await start()).close();
    await expect(start(configure({ ...elsewhere, provisioning: [] }))).rejects.toThrow(/listens on udp 0\.0\.0\.0/);
    await start(configure({ ...elsewhere, provisioning: [], allowDemoPasswords: true }));
  });

  test('a file at fault: every problem is named, and nothing is left open', async () => {
    provision({ tenants: [tenant({ domain: 'no domain' }), { name: 'x' }] });
    await expect(start()).rejects.toThrow(/domain/);
    provision({ tenants: [tenant()], trunks: [trunk()] });
    await start();
  });

  test('an address that is taken is named', async () => {
    const { port } = socket.address();
    await expect(start(configure({ listen: [{ transport: 'udp', host: '127.0.0.1', port }] }))).rejects.toThrow(
      String(port),
    );
  });

  test('what was provisioned is there after a restart, phones included', async () => {
    const listen = [{ transport: 'udp', host: '127.0.0.1', port: 0 }];
    const running = await start(configure({ listen }));
    expect((await signedIn('REGISTER', 'sip:acme.example.com')).status).toBe(200);
    await running.close();
    const again = await start(configure({ listen, provisioning: [] }));
    expect(again.provisioner.directory.tenants.map(({ name }) => name)).toEqual(['acme']);
    expect(again.engine.registrations.registrar.count).toBe(1);
  });
});

describe('what a provisioning file holds', () => {
  const put = async (path: string, value: object) => {
    const answer = await fetch(`${node?.apiAddress}${path}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(value),
    });
    return { status: answer.status, body: (await answer.json()) as { code?: string; detail?: string } };
  };
  const extension = { number: '103', password: PASSWORD };

  test('says whose it is, and is not changed through the API: 409 with the name of the file', async () => {
    const owned = {
      groups: [{ name: 'sales', members: ['101'] }],
      services: [{ number: '800', name: 'Sales', kind: 'ring-group', members: ['101'] }],
      inboundRules: [{ name: 'main', trunk: 'carrier', dids: '14155550100', destination: { extension: '101' } }],
    };
    provision({ tenants: [tenant(owned)], trunks: [trunk()] });
    await start();
    const path = '/api/v1/tenants/acme/extensions/103';
    const { status, body } = await put(path, extension);
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'managed-by-file' });
    expect(body.detail).toContain(provisioningFile());
    expect(JSON.parse((await get('/api/v1/tenants/acme')).slice(4))).toMatchObject({ managedBy: provisioningFile() });
    const { items } = JSON.parse((await get('/api/v1/trunks')).slice(4)) as { items: object[] };
    expect(items).toEqual([expect.objectContaining({ name: 'carrier', managedBy: provisioningFile() })]);
    for (const owned of [
      'extensions/101',
      'groups/sales',
      'services/800',
      'outbound-rules/world',
      'inbound-rules/main',
    ]) {
      const [collection = ''] = owned.split('/');
      const one = JSON.parse((await get(`/api/v1/tenants/acme/${owned}`)).slice(4)) as object;
      expect(one, owned).toMatchObject({ managedBy: provisioningFile() });
      const all = JSON.parse((await get(`/api/v1/tenants/acme/${collection}`)).slice(4)) as { items: object[] };
      expect(all.items[0], owned).toMatchObject({ managedBy: provisioningFile() });
    }
    const deleted = await fetch(`${node?.apiAddress}/api/v1/tenants/acme`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(deleted.status).toBe(409);
  });

  test('is the API’s with provisioningMode: seed, and a restart keeps what the API changed', async () => {
    const seed = configure({ provisioningMode: 'seed' });
    const first = await start(seed);
    expect((await put('/api/v1/tenants/acme/extensions/103', extension)).status).toBeLessThan(300);
    expect(await get('/api/v1/tenants/acme')).not.toContain('managedBy');
    await first.close();
    const again = await start(seed);
    expect(again.provisioner.directory.extension('acme', '103')).toBeDefined();
  });
});

describe('a dial code that stores a setting', () => {
  test('changes the provisioned extension, through the store, and says so', async () => {
    const running = await start();
    const answer = await signedIn('INVITE', 'sip:*31@acme.example.com');
    expect(answer).toMatchObject({ status: 480, reason: 'Caller ID is blocked from now on' });
    expect(running.provisioner.directory.extension('acme', '101')?.anonymousCalls).toBe(true);
    expect(running.provisioner.directory.extension('acme', '102')?.anonymousCalls).toBe(false);
    expect(running.engine.directory).toBe(running.provisioner.directory);
    expect(await get('/api/v1/tenants/acme/extensions/101')).toContain('"anonymousCalls":true');
  });
});

test("no password or token is in any log line, API answer, metric or file of the node; the files are its owner's alone", async () => {
  await start();
  await signedIn('REGISTER', 'sip:acme.example.com');
  await signedIn('REGISTER', 'sip:acme.example.com', 'c4n4ry-typed-wrong');
  const trunkId = node?.engine.directory.trunks.at(0)?.id;
  const paths = [
    '/metrics',
    '/healthz',
    '/readyz',
    '/openapi.json',
    '/api/v1/tenants',
    '/api/v1/tenants/acme',
    '/api/v1/tenants/acme/extensions',
    '/api/v1/tenants/acme/extensions/101',
    '/api/v1/trunks',
    `/api/v1/trunks/${trunkId}`,
    `/api/v1/trunks/${trunkId}/status`,
    '/api/v1/registrations',
    '/api/v1/calls',
    '/api/v1/tokens',
  ];
  const answers = await Promise.all(paths.map(get));
  for (const [index, answer] of answers.entries()) {
    expect(answer.slice(0, 3), paths[index]).toBe('200');
    expect(answer, paths[index]).not.toContain('c4n4ry');
  }
  expect(lines.join('')).not.toContain('c4n4ry');
  const data = join(folder, 'data');
  for (const name of readdirSync(data, { recursive: true }) as string[]) {
    const file = join(data, name);
    if (!statSync(file).isFile()) continue;
    expect(readFileSync(file, 'latin1'), name).not.toContain('c4n4ry');
    expect(statSync(file).mode & 0o077, name).toBe(0);
  }
});
