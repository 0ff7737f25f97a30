/** Somebody sets the clock of the machine under a running engine, by libfaketime: an hour on, then two hours back. */
import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EngineProcess, startEngineProcess } from '../../kit/engine-process.ts';
import { eventually } from '../../kit/eventually.ts';
import { faketimeLibrary } from '../../kit/faketime.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { apiOf } from '../nodes/cluster.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { ask, metric, SYSTEM_TOKEN } from './rest.ts';

const HOUR_MS = 3_600_000;
const HALF_AN_HOUR_S = 1_800;
const CALL_MS = 2_500;
const EXPIRES_S = 600;
/** What a busy machine may add to anything; an hour is far more. */
const LEEWAY_MS = 60_000;

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** A phone that registers, again and again with the nonce that it was given first as long as that is good. */
class Phone {
  readonly #socket: Socket;
  readonly #port: number;
  #challenge = '';
  #uses = 0;
  #sequence = 0;

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
  }

  static async open(port: number): Promise<Phone> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return new Phone(socket, port);
  }

  /** The statuses until the phone is registered, with what was said of a nonce. */
  async register(): Promise<string[]> {
    const seen: string[] = [];
    for (let tries = 0; tries < 3; tries++) {
      const answer = await this.#ask();
      const status = answer.slice(8, 11);
      const challenge = /^WWW-Authenticate: (Digest .*algorithm=MD5\b.*)$/im.exec(answer)?.[1] ?? '';
      seen.push(`${status}${/stale="?true/i.test(challenge) ? ' stale' : ''}`);
      if (status === '200') return seen;
      this.#challenge = challenge;
      this.#uses = 0;
    }
    return seen;
  }

  async #ask(): Promise<string> {
    const { port } = this.#socket.address();
    const sequence = ++this.#sequence;
    const text = [
      'REGISTER sip:acme.test SIP/2.0',
      `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bKclock${sequence};rport`,
      'Max-Forwards: 70',
      'From: <sip:102@acme.test>;tag=clock',
      'To: <sip:102@acme.test>',
      `Call-ID: clock-${port}`,
      `CSeq: ${sequence} REGISTER`,
      `Contact: <sip:102@127.0.0.1:${port}>`,
      `Expires: ${EXPIRES_S}`,
      ...this.#authorization(),
      'User-Agent: a phone whose requests are long enough to be owed a challenge',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n');
    return new Promise((resolve) => {
      const onMessage = (octets: Buffer) => {
        const answer = octets.toString('latin1');
        if (!answer.includes(`CSeq: ${sequence} REGISTER`)) return;
        this.#socket.off('message', onMessage);
        resolve(answer);
      };
      this.#socket.on('message', onMessage);
      this.#socket.send(text, this.#port, '127.0.0.1');
    });
  }

  #authorization(): string[] {
    if (this.#challenge === '') return [];
    const value = (name: string) => new RegExp(`\\b${name}="?([^",]*)`).exec(this.#challenge)?.[1] ?? '';
    const [realm, nonce] = [value('realm'), value('nonce')];
    const count = String(++this.#uses).padStart(8, '0');
    const [uri, client] = ['sip:acme.test', 'c10c'];
    const response = md5(
      `${md5(`102:${realm}:secret-102`)}:${nonce}:${count}:${client}:auth:${md5(`REGISTER:${uri}`)}`,
    );
    const opaque = value('opaque') === '' ? '' : `, opaque="${value('opaque')}"`;
    return [
      `Authorization: Digest username="102", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=MD5, qop=auth, nc=${count}, cnonce="${client}"${opaque}`,
    ];
  }

  close(): void {
    this.#socket.close();
  }
}

describe.skipIf(peersSkipped)('the clock is set under a running engine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-clock-'));
  const shiftFile = join(folder, 'shift');
  let engine: EngineProcess;
  let base: string;
  let carrierPort: number;
  let phone: Phone;
  let shiftMs = 0;

  const setClock = (ms: number) => {
    shiftMs = ms;
    writeFileSync(shiftFile, `${ms < 0 ? '-' : '+'}${Math.abs(ms) / 1000}s\n`);
  };
  /** The time by the engine's clock. */
  const engineNow = () => Date.now() + shiftMs;
  const isNear = (iso: string, wantedMs: number) =>
    expect(Math.abs(Date.parse(iso) - wantedMs)).toBeLessThan(LEEWAY_MS);
  const answered = (count: number) =>
    eventually(
      'the answer',
      async () => (await metric(base, 'tandem_calls_answered_total{direction="outbound"}')) === count,
    );

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    setClock(0);
    carrierPort = await freePort();
    engine = await startEngineProcess({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
      environment: {
        TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN,
        TANDEM_LIMITS_BACKLOG_MS: '10000',
        LD_PRELOAD: faketimeLibrary(),
        FAKETIME_TIMESTAMP_FILE: shiftFile,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    });
    base = apiOf(engine);
    phone = await Phone.open(engine.port);
    expect(await phone.register()).toEqual(['401', '200']);
  }, 60_000);
  afterAll(async () => {
    phone?.close();
    await engine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    ['an hour on', 0, HOUR_MS],
    ['two hours back', HOUR_MS, -HOUR_MS],
  ])(
    '%s: calls, registrations, nonces, tokens and call records behave',
    async (_which, from, shift) => {
      setClock(from);
      const known = (await ask(base, 'GET', '/api/v1/call-records')).body.total;
      const made = await ask(base, 'POST', '/api/v1/tokens', {
        role: 'tenant-admin',
        tenant: 'acme',
        expiresInSeconds: HALF_AN_HOUR_S,
      });
      const token = String(made.body.token);
      const mayRead = async () => (await ask(base, 'GET', '/api/v1/tenants', undefined, { token })).status;
      expect(await mayRead()).toBe(200);
      const carrier = await startAnswerer('answer', { localPort: carrierPort });
      const caller = await startCaller('phone-call', `127.0.0.1:${engine.port}`, { pauseMs: CALL_MS });
      await answered(known + 1);

      const before = engineNow();
      setClock(shift);

      // The call goes on, ends when its caller hangs up, and was as long as it was.
      await allWell(carrier, caller);
      const records = await eventually('its record', async () => {
        const { body } = await ask(base, 'GET', '/api/v1/call-records');
        return body.total > known && body;
      });
      expect(records.total).toBe(known + 1);
      const record = records.items.find(({ startedAt }: { startedAt: string }) => {
        return Math.abs(Date.parse(startedAt) - before) < LEEWAY_MS;
      });
      expect(record.talkMs).toBeGreaterThanOrEqual(CALL_MS - 500);
      expect(record.talkMs).toBeLessThan(LEEWAY_MS);
      expect(record.durationMs).toBeLessThan(LEEWAY_MS);

      // The phone is registered for as long as it was told, by the clock as it is now.
      const { body: registered } = await ask(base, 'GET', '/api/v1/registrations');
      expect(registered.total).toBe(1);
      isNear(registered.items[0].expiresAt, engineNow() + EXPIRES_S * 1_000);

      // A nonce of before is stale at most: the phone registers without anybody's typing a password.
      expect(['200', '401 stale,200']).toContain(String(await phone.register()));
      expect(await phone.register()).toEqual(['200']);

      // What has an end by the calendar ends by the calendar.
      expect(await mayRead()).toBe(shift > 0 ? 401 : 200);
      expect((await ask(base, 'GET', '/readyz')).status).toBe(200);
      expect(await metric(base, 'uncaught_exceptions_total')).toBe(0);
    },
    60_000,
  );
});
