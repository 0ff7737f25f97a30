import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { statusOf } from '../outbound/wire-message.ts';
import { type DnsServer, startDnsmasq } from './dns-server.ts';
import { NetworkParty } from './network-party.ts';

const DID = '14155550101';
/** Only globex has it. */
const OWN = '4930555001';
/** acme's rule hangs up; globex's extension is not registered. */
const RANG_ACME = 603;
const RANG_GLOBEX = 480;
const EARLY = '127.0.0.21';
const LATE = '127.0.0.22';

/** Two tenants with a carrier each, known by name, and one number that both hold: no fault while the carriers are two. */
describe.skipIf(peersSkipped)('two tenants’ trunks whose names come to resolve to one address', () => {
  let folder: string;
  const parties: NetworkParty[] = [];
  let dns: DnsServer | undefined;
  let engine: TestEngine | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-coincidence-'));
  });
  afterEach(async () => {
    for (const party of parties.splice(0)) party.close();
    await engine?.stop();
    await dns?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function resolve(early: string, late: string): Promise<void> {
    const port = dns === undefined ? await freePort() : Number(dns.address.split(':')[1]);
    await dns?.stop();
    dns = await startDnsmasq([`host-record=early.test,${early}`, `host-record=late.test,${late}`], port);
  }

  async function start(): Promise<TestEngine> {
    const own = (owner: string, host: string, didPool: string) => ({
      name: `${owner}-line`,
      owner,
      type: 'register' as const,
      host,
      port: 5060,
      options: { registration: 'off' as const },
      credentials: { authName: owner, password: 'p' },
      didPool,
    });
    const rule = (trunk: string, dids: string) => ({ name: dids, trunk, dids });
    const started = await startEngine({
      provisioning: {
        tenants: [
          {
            name: 'globex',
            domain: 'globex.test',
            extensions: [{ number: '201' }],
            inboundRules: [DID, OWN].map((dids) => ({
              ...rule('globex-line', dids),
              destination: { extension: '201' },
            })),
          },
          {
            name: 'acme',
            domain: 'acme.test',
            inboundRules: [{ ...rule('acme-line', DID), destination: { hangUp: true } }],
          },
        ],
        // globex's is provisioned first: nothing but who had the address first speaks for acme.
        trunks: [own('globex', 'late.test', `${DID};${OWN}`), own('acme', 'early.test', DID)],
      },
      settings: {
        dns: { servers: [dns?.address ?? ''], minTtlSeconds: 0 },
        listen: [{ transport: 'udp', host: '0.0.0.0', port: 0 }],
        store: { kind: 'embedded', path: join(folder, 'data') },
        egress: { allow: ['127.0.0.0/8'] },
      },
    });
    engine = started;
    for (const party of parties) party.engine = { address: '127.0.0.1', port: started.port() };
    return started;
  }

  async function alarms(of: TestEngine): Promise<Record<string, unknown>> {
    const { items } = (await of.api('/api/v1/trunks')) as { items: { name: string; status: { alarms?: unknown } }[] };
    return Object.fromEntries(items.map(({ name, status }) => [name, status.alarms]));
  }

  const coincide = (numbers: string) => [
    { code: 'sources-coincide', message: expect.stringContaining(`holds numbers of ${numbers} for another tenant`) },
  ];
  const BOTH = { 'acme-line': coincide(DID), 'globex-line': coincide(DID) };

  test('raises an event and alarms, and hands no call over: also not over a restart; it ends when they part', async () => {
    await resolve(EARLY, LATE);
    parties.push(await NetworkParty.open(EARLY), await NetworkParty.open(LATE));
    const [early, late] = parties as [NetworkParty, NetworkParty];
    const running = await start();
    const stream = await fetch(`${running.apiAddress}/api/v1/events?types=trunk-coincidence`, {
      headers: { authorization: 'Bearer end-to-end-admin-token-0123456789abcdef' },
    });
    await expect.poll(async () => statusOf(await early.call(DID)), { timeout: 20_000 }).toBe(RANG_ACME);
    await expect.poll(async () => statusOf(await late.call(DID)), { timeout: 20_000 }).toBe(RANG_GLOBEX);
    expect(await alarms(running)).toEqual({ 'acme-line': undefined, 'globex-line': undefined });

    await resolve(EARLY, EARLY);
    await expect.poll(() => alarms(running), { timeout: 20_000 }).toMatchObject(BOTH);
    expect(statusOf(await early.call(DID))).toBe(RANG_ACME);
    expect(statusOf(await early.call(OWN))).toBe(RANG_GLOBEX);
    let told = '';
    for await (const chunk of stream.body ?? []) {
      told += Buffer.from(chunk).toString('utf8');
      if (told.includes('"otherNumbers"')) break;
    }
    expect(told).toContain('event: trunk-coincidence');
    expect(told).toContain('"state":"began"');

    await running.stop();
    const next = await start();
    // Both names lead to it from the first moment on.
    await expect.poll(() => alarms(next), { timeout: 20_000 }).toMatchObject(BOTH);
    expect(statusOf(await early.call(DID))).toBe(RANG_ACME);

    await resolve(EARLY, LATE);
    const parted = { 'acme-line': undefined, 'globex-line': undefined };
    await expect.poll(() => alarms(next), { timeout: 20_000 }).toEqual(parted);
    await expect.poll(async () => statusOf(await late.call(DID)), { timeout: 20_000 }).toBe(RANG_GLOBEX);
    expect(statusOf(await early.call(DID))).toBe(RANG_ACME);
  }, 90_000);
});
