import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { startTestApi, type TestApi } from '../api/kit.ts';
import { folder, run } from './kit.ts';

process.env['TZ'] = 'UTC';

describe('command line', () => {
  test('without a command it says what there is, with exit code 2; --help with 0', async () => {
    const bare = await run([]);
    const help = await run(['--help']);
    expect([bare.code, help.code]).toEqual([2, 0]);
    const commands = COMMANDS.map(({ name }) => name);
    expect(commands).toContain('start');
    for (const command of commands) expect(help.out).toMatch(new RegExp(`^ {2}${command} +\\S`, 'm'));
  });

  test('every command has a --help with its usage and every option explained', async () => {
    for (const { name: command } of COMMANDS) {
      const { code, out } = await run([command, '--help']);
      expect(code).toBe(0);
      expect(out).toContain(`usage: tandem ${command}`);
      for (const line of out.split('\n').filter((line) => line.includes('--'))) {
        if (line.startsWith('  ')) expect(line).toMatch(/--[a-z0-9-]+( VALUE)? {2,}\S/);
      }
      expect((await run(['help', command])).out).toBe(out);
    }
  });

  test('a slip of the keys is answered with the command that was meant', async () => {
    expect(await run(['trunsk'])).toEqual({
      code: 2,
      out: '',
      err: 'tandem: there is no command "trunsk"; did you mean "trunks"? "tandem --help" lists all\n',
    });
    expect((await run(['xyzzy'])).err).toBe('tandem: there is no command "xyzzy"; "tandem --help" lists all\n');
  });

  test('a wrong option is exit code 2 with the usage', async () => {
    const { code, err } = await run(['trunks', '--jsn']);
    expect(code).toBe(2);
    expect(err).toContain(`Unknown option '--jsn'; did you mean "--json"?`);
    expect(err).toContain('usage: tandem trunks');
    expect((await run(['trunks', 'carrier', 'stray'])).code).toBe(2);
    expect((await run(['calls', '--ended', '--limit', 'x'])).code).toBe(2);
  });

  test('start and demo are the process entry’s; version says both versions', async () => {
    const started: (string | undefined)[] = [];
    expect((await run(['start', '-c', 'x.yaml'], { started })).code).toBe(0);
    expect((await run(['start'], { started })).code).toBe(0);
    expect(started).toEqual(['x.yaml', undefined]);
    expect((await run(['demo'])).code).toBe(7);
    expect((await run(['version'])).out).toBe(`tandem 1.2.3 (node ${process.versions.node})\n`);
    expect(JSON.parse((await run(['--version', '--json'])).out)).toEqual({
      tandem: '1.2.3',
      node: process.versions.node,
    });
  });

  test('RFC 7616 §3.9.1: hash gives H(A1) of the password on standard input', async () => {
    const { out } = await run(['hash', '--user', 'Mufasa', '--realm', 'http-auth@example.org', '--json'], {
      input: 'Circle of Life\n',
    });
    expect(JSON.parse(out).ha1).toEqual({
      md5: '3d78807defe7de2157e2b0b6573a855f',
      sha256: '7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232',
      sha512256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect((await run(['hash', '--user', '1', '--realm', 'x'])).code).toBe(2);
  });
});

describe('validate', () => {
  test('each fault is file:line:column path message, exit code 1; a good file is 0', async () => {
    const path = folder({
      'good.yaml': 'tenants:\n  - { name: acme, domain: acme.example.com }\n',
      'bad.yaml':
        'tenants:\n  - name: acme\n    domain: acme.example.com\n    extensions:\n      - { number: "10x", nam: Alice }\n',
    });
    expect(await run(['validate', join(path, 'good.yaml')])).toEqual({ code: 0, out: 'valid\n', err: '' });
    const bad = await run(['validate', join(path, 'bad.yaml')]);
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(/bad\.yaml:5:\d+ tenants\[0\]\.extensions\[0\]\.number must be 1 to 15 digits/);
    expect(bad.out).toMatch(/bad\.yaml:5:\d+ tenants\[0\]\.extensions\[0\]\.nam .*did you mean "name"/);
    const json = JSON.parse((await run(['validate', '--json', join(path, 'bad.yaml')])).out);
    expect(json[0]).toMatchObject({ line: 5, path: 'tenants[0].extensions[0].number' });
    expect((await run(['validate'])).code).toBe(2);
    expect((await run(['validate', join(path, 'missing.yaml')])).code).toBe(1);
  });
});

describe('against a running engine', () => {
  let world: TestApi;
  let env: Record<string, string>;
  let config: string;
  beforeAll(async () => {
    const path = folder({});
    mkdirSync(join(path, 'data'));
    world = await startTestApi({ ownerTokenPath: join(path, 'data', 'owner-token') });
    const url = new URL(await world.api.listen('127.0.0.1', 0));
    config = join(path, 'tandem.yaml');
    writeFileSync(
      config,
      `store: { kind: embedded, path: ${join(path, 'data')} }\napi: { host: 127.0.0.1, port: ${url.port} }\n`,
    );
    env = { TANDEM_CONFIG: config };
    world.engine.statuses.set('100', {
      trunkId: '100',
      name: 'carrier',
      type: 'ip',
      state: 'offline',
      since: '2026-11-01T08:00:00.000Z',
      lastCode: 503,
      reason: 'Service \u001b[2J Unavailable',
      activeCalls: 2,
    });
    world.engine.statuses.set('201', {
      trunkId: '201',
      name: 'acme-own',
      type: 'register',
      state: 'online',
      since: '2026-11-01T08:00:00.000Z',
      activeCalls: 0,
    });
    world.engine.statuses.set('202', {
      trunkId: '202',
      name: 'bolt-own',
      type: 'register',
      state: 'online',
      since: '2026-11-01T08:00:00.000Z',
      activeCalls: 0,
    });
  });
  afterAll(() => world.close());

  test('trunks: an aligned table; what a peer sent is shown, not obeyed', async () => {
    expect((await run(['trunks'], { env })).out).toBe(
      [
        'ID   NAME      TYPE      OWNER   STATE    SINCE                      CODE  CALLS  HOST                           REASON',
        '100  carrier   ip        system  offline  2026-11-01 08:00:00+00:00   503      2  192.0.2.10                     Service \ufffd[2J Unavailable',
        '201  acme-own  register  acme    online   2026-11-01 08:00:00+00:00     -      0  sip.acme-provider.example.net  -',
        '202  bolt-own  register  bolt    online   2026-11-01 08:00:00+00:00     -      0  sip.bolt-provider.example.net  -',
        '',
      ].join('\n'),
    );
  });

  test('trunks NAME --effective: every value in force and where it comes from; brands: presets and their sources', async () => {
    const { code, out } = await run(['trunks', 'carrier', '--effective'], { env });
    expect(code).toBe(0);
    expect(out).toMatch(/^carrier \(ip, brand generic, id 100\)\n/);
    expect(out).toMatch(/^host +own +192\.0\.2\.10$/m);
    expect(out).toMatch(/^options\.removePlus +default +false$/m);
    expect((await run(['trunks', 'nobody', '--effective'], { env })).err).toContain('there is no trunk "nobody"');
    expect((await run(['trunks', '--effective'], { env })).code).toBe(2);
    expect((await run(['trunks', 'acme-own'], { env })).out.split('\n').slice(1)).toEqual([
      expect.stringMatching(/^201 +acme-own +register +acme +online /),
      '',
    ]);
    expect((await run(['brands'], { env })).out).toMatch(/^telnyx +Telnyx/m);
    expect((await run(['brands', 'telnyx'], { env })).out).toMatch(/^source: https:\/\/developers\.telnyx\.com\//m);
  });

  test('colour is on a terminal only, and --json gives the API’s own objects', async () => {
    expect((await run(['trunks', '--state', 'online'], { env, colour: true })).out).toContain(
      '\u001b[32monline\u001b[0m',
    );
    expect((await run(['trunks', '--state', 'online'], { env })).out).not.toContain('\u001b');
    const trunks = JSON.parse((await run(['trunks', '--json', '--tenant', 'acme'], { env })).out);
    expect(trunks.map(({ id, status }: { id: string; status: { state: string } }) => [id, status.state])).toEqual([
      ['100', 'offline'],
      ['201', 'online'],
    ]);
  });

  test('registrations, calls and call records say so when there are none', async () => {
    expect((await run(['registrations'], { env })).out).toBe('nothing is registered\n');
    expect((await run(['calls'], { env })).out).toBe('no calls in progress\n');
    expect((await run(['calls', '--ended'], { env })).out).toBe('no call records\n');
    expect((await run(['registrations', '--json'], { env })).out).toBe('[]\n');
  });

  test('calls and trace: what runs, and its ladder', async () => {
    const flow = {
      transport: 'udp',
      localAddress: '127.0.0.1',
      localPort: 5060,
      remoteAddress: '127.0.0.1',
      remotePort: 5070,
    };
    world.engine.liveCalls.push({
      callId: 'c1',
      sipCallIds: ['sip-1'],
      tenant: 'acme',
      direction: 'outbound',
      from: '101',
      to: '9123',
      state: 'ringing',
      trunk: 'carrier',
      startedAt: '2026-11-01T08:00:00Z',
    });
    world.engine.sipTrace.record(
      'INVITE sip:9123@acme.example.com SIP/2.0\r\nCall-ID: sip-1\r\nCSeq: 1 INVITE\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:101@a>;tag=1\r\nTo: <sip:9123@a>\r\n\r\n',
      false,
      flow,
    );
    world.engine.sipTrace.link('c1', 'sip-1', '101', [], { branch: 'z9hG4bK1', address: flow.remoteAddress });
    expect((await run(['calls'], { env })).out).toBe(
      'CALL  TENANT  DIRECTION  FROM  TO    STATE    TRUNK    NODE  STARTED\nc1    acme    outbound   101   9123  ringing  carrier  a     2026-11-01 08:00:00+00:00\n',
    );
    const trace = await run(['trace', '--call-id', 'sip-1', '--messages'], { env });
    expect(trace.out).toContain('|---------- INVITE ---------->|');
    expect(trace.out).toContain(
      'received from udp:127.0.0.1:5070\nINVITE sip:9123@acme.example.com SIP/2.0\nCall-ID: sip-1\nCSeq: 1 INVITE\n',
    );
    const missing = await run(['trace', '--call-id', 'no'], { env });
    expect(missing).toEqual({ code: 1, out: '', err: 'tandem trace: trace of no does not exist (not-found)\n' });
    expect((await run(['explain', '--call-id', 'c1'], { env })).out).toContain('dials 9123');
  });

  test('explain asks what a call would send, with header fields of the phone', async () => {
    const { code, out } = await run(
      ['explain', '--tenant', 'acme', '--from', '101', '--to', '9123', '--header', 'Privacy: id'],
      { env },
    );
    expect([code, out.split('\n')[0]]).toEqual([0, 'extension 101 (One) of acme dials 9123']);
    expect(world.engine.explained.at(-1)).toEqual({
      tenant: 'acme',
      from: '101',
      to: '9123',
      headers: [{ name: 'Privacy', value: 'id' }],
    });
    expect((await run(['explain', '--tenant', 'acme', '--from', '101'], { env })).code).toBe(2);
    expect((await run(['explain', '--tenant', 'no', '--from', '1', '--to', '2'], { env })).err).toBe(
      'tandem explain: tenant no does not exist (not-found)\n',
    );
    expect((await run(['explain', '--from', '1', '--to', '2', '--header', 'nocolon'], { env })).code).toBe(2);
  });

  test('explain takes a whole INVITE from a file, and calls in from a trunk', async () => {
    const invite = 'INVITE sip:9123@acme.example.com SIP/2.0\r\nFrom: <sip:101@acme.example.com>;tag=1\r\n\r\n';
    const path = join(folder({ 'invite.sip': invite }), 'invite.sip');
    expect((await run(['explain', '--tenant', 'acme', '--invite', path], { env })).code).toBe(0);
    expect(world.engine.explained.at(-1)).toEqual({ tenant: 'acme', invite });
    const callIn = ['explain', '--trunk', 'carrier', '--from', '+442079460001', '--to', '14155550100'];
    expect((await run(callIn, { env })).code).toBe(0);
    expect(world.engine.explained.at(-1)).toEqual({ trunk: 'carrier', from: '+442079460001', to: '14155550100' });
    expect(await run(['explain', '--trunk', 'nowhere', '--to', '1'], { env })).toMatchObject({
      code: 1,
      err: 'tandem explain: trunk nowhere does not exist (not-found)\n',
    });
    expect((await run(['explain', '--trunk', 'carrier'], { env })).code).toBe(2);
    const missing = await run(['explain', '--tenant', 'acme', '--invite', '/nowhere.sip'], { env });
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining('--invite /nowhere.sip: ENOENT')]);
  });

  test('export, edited, applied again: only what was edited changes, passwords stay', async () => {
    const exported = await run(['export'], { env });
    expect(exported.out).not.toContain('passwordSet');
    expect(exported.out).not.toContain('canary');
    const before = world.provisioning.current().state;
    const path = folder({
      'all.yaml': (await run(['export', '--secrets'], { env })).out.replace('name: One', 'name: Uno'),
    });
    const applied = await run(['apply', join(path, 'all.yaml')], { env });
    expect(applied).toEqual({ code: 0, out: 'created 0, updated 1, unchanged 4\n', err: '' });
    expect(world.provisioning.current().state.tenants.at(0)?.extensions[0]).toEqual({
      ...before.tenants.at(0)?.extensions[0],
      name: 'Uno',
    });
  });

  test('apply of a file with faults asks nobody and says where they are', async () => {
    const path = folder({ 'bad.yaml': 'tenants:\n  - { name: acme, domain: "no spaces" }\n' });
    const version = world.provisioning.current().version;
    const { code, err } = await run(['apply', join(path, 'bad.yaml')], { env });
    expect([code, world.provisioning.current().version]).toEqual([1, version]);
    expect(err).toMatch(/bad\.yaml:2:\d+ tenants\[0\]\.domain /);
  });

  test('TANDEM_TOKEN comes before the owner’s token; a wrong one is explained', async () => {
    const mine = await run(['trunks', '--json'], { env: { ...env, TANDEM_TOKEN: world.tokens.acme } });
    expect(JSON.parse(mine.out)).toHaveLength(2);
    const wrong = await run(['trunks'], { env: { ...env, TANDEM_TOKEN: 'wrong' } });
    expect([wrong.code, wrong.err.includes('does not accept this token')]).toEqual([1, true]);
  });

  test('where no engine runs, no token is or the configuration is wrong, it says what to do', async () => {
    const down = await run(['trunks'], { env: { TANDEM_URL: 'http://127.0.0.1:1', TANDEM_TOKEN: 'x' } });
    expect(down.err).toMatch(
      /^tandem trunks: no engine answers at http:\/\/127\.0\.0\.1:1 \(.*\); start one with "tandem start", or name the configuration .*--config FILE or TANDEM_CONFIG\n$/,
    );
    const path = folder({
      'tandem.yaml': 'store: { kind: embedded, path: /nonexistent-data }\n',
      'bad.yaml': 'api: { port: eighty }\n',
    });
    const noToken = await run(['trunks', '-c', join(path, 'tandem.yaml')], {});
    expect(noToken.err).toContain('owner-token is not there: the engine makes it when it starts; or set TANDEM_TOKEN');
    const bad = await run(['trunks', '-c', join(path, 'bad.yaml')], {});
    expect(bad.err).toMatch(/bad\.yaml:1:\d+ api\.port /);
  });
});
