import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SettingsError } from '../../src/base/errors.ts';
import type { AddedListener } from '../../src/engine/live-listeners.ts';
import { AddedTransports } from '../../src/node/added-transports.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { type AddedTransport, readTransports, transportsFile } from '../../src/settings/kept-transports.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const CARRIER: AddedTransport = { name: 'carrier', transport: 'tcp', host: '127.0.0.1', port: 5080 };
const EDGE: AddedTransport = { ...CARRIER, name: 'edge', transport: 'tls', port: 5061, certificate: 'edge' };
let folder: string;
let pair: { cert: string; private: string };
let other: { cert: string; private: string };
beforeAll(async () => {
  [pair, other] = await Promise.all([generate([], { keyType: 'ec' }), generate([], { keyType: 'ec' })]);
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-added-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const certificate = (name: string, more: object = {}) => ({
  name,
  use: 'tls',
  chain: pair.cert,
  key: pair.private,
  ...more,
});
const directoryOf = (state: object) => new Directory(provisioningSchema.parse({ tenants: [], ...state }));

/** A node with one UDP listener in its file, on a machine without port 9. */
function world({ workers = 1, state = {} as object } = {}) {
  const settings = nodeSchema.parse({
    listen: [{ transport: 'udp', host: '127.0.0.1', port: 5060 }],
    store: { kind: 'embedded', path: folder },
  });
  const scheduler = new VirtualScheduler();
  const open = new Map<string, AddedListener>();
  const taken = new Set([9]);
  const lines: string[] = [];
  const note = (event: string, facts: object = {}) => lines.push(`${event} ${JSON.stringify(facts)}`);
  const now = { directory: directoryOf(state) };
  const listeners = {
    inForce: settings.listen,
    list: () => [
      { id: 'udp:127.0.0.1:5060', transport: 'udp', host: '127.0.0.1', port: 5060 },
      ...[...open].map(([id, { listen }]) => ({
        id,
        transport: listen.transport,
        host: listen.host,
        port: listen.port,
      })),
    ],
    add: async (added: AddedListener) => {
      if (taken.has(added.listen.port))
        throw new SettingsError([{ code: 'listen-failed', path: 'port', message: 'another process has the port' }]);
      open.set(added.listen.name ?? '', added);
    },
    leave: (id: string) => void open.delete(id),
    renew: (id: string, renewed: AddedListener['pair']) => {
      const added = open.get(id);
      if (added !== undefined) open.set(id, { ...added, pair: renewed });
    },
  };
  const transports = new AddedTransports({
    settings,
    scheduler,
    log: { info: note, error: note } as never,
    listeners: () => listeners as never,
    directory: () => now.directory,
    configFile: 'tandem.yaml',
    workers,
  });
  return { transports, open, taken, lines, scheduler, now };
}

describe('a transport that is added', () => {
  test('is open, listed, kept and there again; removed, it is none of it', async () => {
    const { transports, open, lines } = world();
    await transports.start();
    expect(await transports.add(CARRIER)).toMatchObject({ outcome: 'done', transport: { id: 'carrier', port: 5080 } });
    expect(transports.list()).toMatchObject([{ managedBy: 'tandem.yaml' }, { id: 'carrier' }]);
    expect(transports.list()[1]).not.toHaveProperty('managedBy');
    const again = world();
    await again.transports.start();
    expect([...again.open.keys()]).toEqual(['carrier']);
    expect(again.transports.transports).toEqual(['tcp']);
    expect(await transports.remove('carrier')).toMatchObject({ outcome: 'done' });
    expect([open.size, readTransports(folder).transports]).toEqual([0, []]);
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['transport-added', 'transport-removed']);
    expect(await transports.remove('carrier')).toEqual({ outcome: 'unknown' });
  });

  test.each([
    ['of a name that is taken', { ...CARRIER, name: 'udp:127.0.0.1:5060' }, 'listener-name-taken', 'name'],
    ['at an address of the file', { ...CARRIER, transport: 'udp', port: 5060 }, 'listener-twice', 'port'],
    [
      'at all addresses, one of which is taken',
      { ...CARRIER, transport: 'udp', host: '0.0.0.0', port: 5060 },
      'listener-twice',
      'port',
    ],
    ['at a port that another process has', { ...CARRIER, port: 9 }, 'listen-failed', 'port'],
    ['with a certificate that there is not', { ...EDGE, certificate: 'none' }, 'unknown-certificate', 'certificate'],
    ["with a tenant's", { ...EDGE, certificate: 'tenants' }, 'certificate-not-permitted', 'certificate'],
    ['with one that signs', { ...EDGE, certificate: 'signs' }, 'certificate-use', 'certificate'],
    ['with one that has ended', EDGE, 'certificate-ended', 'certificate'],
  ] as const)('%s is refused at the field, and not kept', async (_, wanted, code, path) => {
    const state = {
      tenants: [{ name: 'acme', domain: 'acme.example.com' }],
      certificates: [
        certificate('edge'),
        certificate('tenants', { owner: 'acme' }),
        certificate('signs', { use: 'stir', x5u: 'https://a.example/a.pem' }),
      ],
    };
    const { transports, scheduler } = world({ state });
    if (code === 'certificate-ended') scheduler.advance(40 * 365 * 86_400_000);
    await transports.start();
    expect(await transports.add(wanted)).toMatchObject({ outcome: 'refused', problems: [{ code, path }] });
    expect(readTransports(folder).transports).toEqual([]);
  });

  test('two at once at one address: one is', async () => {
    const { transports } = world();
    const outcomes = await Promise.all([transports.add(CARRIER), transports.add({ ...CARRIER, name: 'b' })]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['done', 'refused']);
  });

  test('on other than loopback addresses is refused while a phone has a password of the demo', async () => {
    const extensions = [{ number: '101', password: 'demo-alice-101' }];
    const { transports } = world({ state: { tenants: [{ name: 'acme', domain: 'a.example.com', extensions }] } });
    expect(await transports.add({ ...CARRIER, host: '0.0.0.0' })).toMatchObject({
      problems: [{ code: 'demo-password', path: 'host' }],
    });
    expect(await transports.add(CARRIER)).toMatchObject({ outcome: 'done' });
  });

  test('that cannot be kept is not open either', async () => {
    const { transports, open } = world();
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'a file where the folder was');
    expect(await transports.add(CARRIER)).toMatchObject({ outcome: 'unavailable' });
    expect(open.size).toBe(0);
  });

  test('shows its certificate as it is provisioned now; one that goes away is told, and what it shows stays', async () => {
    const { transports, open, now, lines } = world({ state: { certificates: [certificate('edge')] } });
    await transports.add(EDGE);
    expect(open.get('edge')?.pair?.cert).toBe(pair.cert);
    now.directory = directoryOf({ certificates: [certificate('edge', { chain: other.cert, key: other.private })] });
    await transports.apply();
    expect(open.get('edge')?.pair?.cert).toBe(other.cert);
    now.directory = directoryOf({});
    await transports.apply();
    expect([open.get('edge')?.pair?.cert, transports.problems()]).toEqual([other.cert, ['transport-not-open']]);
    expect(transports.list()[1]?.problem).toMatch(/there is no certificate "edge"/);
    expect(lines.at(-1)).toMatch(/^transport-certificate-missing /);
  });
});

describe('a transport that is kept and cannot be opened', () => {
  test('keeps nothing from starting: it is told once, listed with the reason, and opened when it can be', async () => {
    await world().transports.add(CARRIER);
    const { transports, taken, open, lines, scheduler } = world();
    taken.add(5080);
    await transports.start();
    expect(transports.problems()).toEqual(['transport-not-open']);
    expect(transports.list()[1]).toMatchObject({ id: 'carrier', problem: 'another process has the port' });
    scheduler.advance(30_000);
    await transports.apply();
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['transport-not-open']);
    taken.delete(5080);
    scheduler.advance(30_000);
    await transports.remove('nobody');
    expect([[...open.keys()], transports.problems()]).toEqual([['carrier'], []]);
    expect(lines.at(-1)).toMatch(/^transport-open /);
    transports.close();
  });

  test('can be removed', async () => {
    await world().transports.add(CARRIER);
    const { transports, taken } = world();
    taken.add(5080);
    await transports.start();
    expect(await transports.remove('carrier')).toMatchObject({ outcome: 'done' });
    expect([transports.problems(), readTransports(folder).transports]).toEqual([[], []]);
  });
});

describe('a removal', () => {
  let serial = 0;
  const trunk = (name: string, more: object) => ({ id: `${++serial}`, name, type: 'ip', host: '192.0.2.1', ...more });

  test('of what trunks name, or of the last of their transport, is refused with their names', async () => {
    const { transports, now } = world();
    await transports.add(CARRIER);
    const second: AddedTransport = { ...CARRIER, name: 'second', port: 5081 };
    await transports.add(second);
    now.directory = directoryOf({
      trunks: [
        trunk('named', { transport: 'tcp', options: { listener: 'carrier' } }),
        trunk('any', { transport: 'tcp' }),
      ],
    });
    expect(await transports.remove('carrier')).toMatchObject({
      outcome: 'conflict',
      code: 'transport-in-use',
      reason: expect.stringContaining('the trunk named:'),
    });
    expect(await transports.remove('second')).toMatchObject({ outcome: 'done' });
    expect(await transports.remove('carrier')).toMatchObject({ reason: expect.stringContaining('named, any') });
  });

  test('of what the file names is refused with what to do', async () => {
    expect(await world().transports.remove('udp:127.0.0.1:5060')).toMatchObject({
      code: 'managed-by-file',
      reason: expect.stringContaining('`listen` in tandem.yaml'),
    });
  });
});

test('workers share their ports from the start: nothing is added, and what was kept is told', async () => {
  await world().transports.add(CARRIER);
  const { transports, open } = world({ workers: 2 });
  await transports.start();
  expect([open.size, transports.problems()]).toEqual([0, ['transport-not-open']]);
  expect(await transports.add({ ...CARRIER, name: 'b', port: 5081 })).toMatchObject({ code: 'transports-of-workers' });
});

test('a file that cannot be read is an alarm; it is not written over', async () => {
  writeFileSync(transportsFile(folder), '{');
  const { transports, lines } = world();
  await transports.start();
  expect(lines[0]).toMatch(/^transports-not-read /);
  expect(transports.problems()).toEqual(['transport-not-open']);
  expect(await transports.add(CARRIER)).toMatchObject({ code: 'transports-unreadable' });
});
