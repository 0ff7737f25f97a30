import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { startTestApi } from '../api/kit.ts';
import { apiOfAll } from '../api/served.ts';
import { envOf, run } from './kit.ts';

process.env['TZ'] = 'UTC';

describe('tandem trace', () => {
  const world = apiOfAll();
  let env: Record<string, string>;
  beforeAll(async () => {
    env = await envOf(world);
    const flow = {
      transport: 'udp',
      localAddress: '127.0.0.1',
      localPort: 5060,
      remoteAddress: '192.0.2.10',
      remotePort: 5080,
    };
    const head = (name: string) =>
      `Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:101@a>;tag=1\r\nTo: <sip:9123@a>\r\nCall-ID: ${name}\r\nCSeq: 1 INVITE\r\n\r\n`;
    world.engine.sipTrace.record(`INVITE sip:9123@a SIP/2.0\r\n${head('one')}`, false, flow);
    const begunBy = { branch: 'z9hG4bK1', address: flow.remoteAddress };
    world.engine.sipTrace.link('call-1', 'one', 'caller', [], begunBy);
    world.engine.sipTrace.record(`SIP/2.0 404 Not \u001b[2JFound\r\n${head('one')}`, true, flow);
    world.engine.sipTrace.record('OPTIONS sip:x SIP/2.0\r\nCall-ID: two\r\nCSeq: 1 OPTIONS\r\n\r\n', true, flow);
  });

  test('without a Call-ID: the latest messages in a table; a peer’s text is shown, not obeyed', async () => {
    const { code, out } = await run(['trace'], { env });
    expect(code).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[1]).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00 {2}<- {2}udp:192\.0\.2\.10:5080 caller {2}INVITE +101 +9123 +a +one$/,
    );
    expect(lines[2]).toMatch(/->.* 404 Not \?\[2JFound/);
  });

  test('filters, --limit, --json and --messages', async () => {
    const json = async (...args: string[]) => JSON.parse((await run(['trace', '--json', ...args], { env })).out);
    expect(await json('--refused')).toHaveLength(1);
    expect(await json('--number', '9123', '--method', 'invite')).toHaveLength(2);
    expect(await json('--trunk', 'carrier', '--method', 'OPTIONS')).toHaveLength(1);
    expect(await json('--address', '192.0.2.11')).toEqual([]);
    expect((await json('--limit', '1'))[0].sipCallId).toBe('two');
    expect((await run(['trace', '--address', '192.0.2.11'], { env })).out).toBe('no such messages are kept\n');
    expect((await run(['trace', '--method', 'OPTIONS', '--messages'], { env })).out).toContain(
      '\nOPTIONS sip:x SIP/2.0\nCall-ID: two',
    );
  });

  test('--pcap without a match says so, exits with 1 and leaves no file', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'nothing.pcap');
    const { code, out, err } = await run(['trace', '--number', '999999999', '--pcap', file], { env });
    expect([code, out, err]).toEqual([1, '', `tandem trace: no such messages are kept: ${file} is not written\n`]);
    expect(existsSync(file)).toBe(false);
    const call = await run(['trace', 'no-such-call', '--pcap', file], { env });
    expect([call.code, existsSync(file)]).toEqual([1, false]);
    expect(call.err).toContain('trace of no-such-call');
  });

  test('one call by its id as the argument; --pcap writes a file for its user alone', async () => {
    expect((await run(['trace', 'call-1'], { env })).out).toContain('404 Not');
    const file = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'call.pcap');
    for (const args of [['call-1'], ['--limit', '3']]) {
      const written = await run(['trace', ...args, '--pcap', file], { env });
      expect(written.out).toBe(`${file}: ${statSync(file).size} octets\n`);
      expect([readFileSync(file).readUInt32LE(0), statSync(file).mode & 0o777]).toEqual([0xa1b2c3d4, 0o600]);
    }
    expect((await run(['trace', '--pcap', '/nonexistent/x.pcap'], { env })).err).toMatch(
      /^tandem trace: \/nonexistent\/x\.pcap: ENOENT/,
    );
  });

  test('what makes no sense together is wrong usage', async () => {
    expect((await run(['trace', 'call-1', '--refused'], { env })).code).toBe(2);
    expect((await run(['trace', 'call-1', '--follow'], { env })).code).toBe(2);
    expect((await run(['trace', '--follow', '--pcap', 'x'], { env })).code).toBe(2);
    expect((await run(['trace', '--limit', '0'], { env })).code).toBe(2);
  });

  test('--follow shows what comes, until the engine is gone', async () => {
    const other = await startTestApi();
    const url = await other.api.listen('127.0.0.1', 0);
    const shown: string[] = [];
    const following = run(['trace', '--follow', '--json'], {
      env: { TANDEM_URL: url, TANDEM_TOKEN: other.tokens.system },
      onOut: (text) => shown.push(text),
    });
    const flow = { transport: 'udp', localAddress: '::1', localPort: 1, remoteAddress: '::1', remotePort: 2 };
    for (let round = 0; shown.length < 3 && round < 100; round++) {
      other.engine.sipTrace.record(`OPTIONS sip:x SIP/2.0\r\nCall-ID: ${round}\r\nCSeq: 1 OPTIONS\r\n\r\n`, true, flow);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await other.close();
    const { code, err } = await following;
    expect([code, err.includes('no engine answers')]).toEqual([1, true]);
    const ids = shown.map((line) => Number(JSON.parse(line).sipCallId));
    expect(ids).toEqual(ids.map((_, index) => index));
  });
});
