import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SettingsError } from '../../src/base/errors.ts';
import { LiveListeners } from '../../src/engine/live-listeners.ts';
import { Served } from '../../src/engine/served.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import type { ListenerOptions } from '../../src/sip/transport/index.ts';
import { TestAuthority } from '../kit/certificates.ts';

const udp = (port: number, more: object = {}) => ({ transport: 'udp', host: '127.0.0.1', port, ...more });
const tcp = (port: number, more: object = {}) => ({ ...udp(port, more), transport: 'tcp' });
const settingsOf = (...listen: object[]) => nodeSchema.parse({ listen });

/** A transport whose ports are free, but for one. */
function world(...listen: object[]) {
  const settings = settingsOf(...listen);
  const open = new Map<string, ListenerOptions>();
  const left: string[] = [];
  const changes: number[] = [];
  const add = async (listeners: readonly ListenerOptions[]) => {
    if (listeners.some(({ port }) => port === 9))
      throw new SettingsError([{ code: 'listen-failed', path: 'listen[0]', message: 'cannot listen' }]);
    for (const each of listeners) open.set(each.id ?? '', each);
    return listening();
  };
  const listening = () =>
    [...open]
      .filter(([id]) => !left.includes(id))
      .map(([id, { transport, host, port }]) => ({ id, transport, host, port }));
  const served = new Served(settings, new Directory({ tenants: [], trunks: [], certificates: [] } as never));
  const listeners = new LiveListeners({
    settings,
    transport: {
      open: add,
      add,
      remove: (id: string) => void left.push(id),
      discard: (id: string) => void open.delete(id),
      listening,
    } as never,
    served,
    workers: undefined,
    dealing: undefined,
    onChange: () => changes.push(listening().length),
  });
  return { listeners, open, left, served, changes };
}

describe('a reload', () => {
  test('opens what is new and leaves what is gone; what stays is not touched', async () => {
    const { listeners, open, left, served } = world(udp(5060), tcp(5060));
    await listeners.open();
    const change = await listeners.change(
      settingsOf(udp(5060), udp(5080, { name: 'second', publicHost: 'b.example' })),
    );
    expect([change.added, change.removed]).toEqual([1, 1]);
    // Nothing is gone before everything else of the reload has gone well.
    expect([...open.keys()]).toEqual(['udp:127.0.0.1:5060', 'tcp:127.0.0.1:5060', 'second']);
    expect(listeners.transports).toEqual(['udp', 'tcp']);
    expect(change.transports).toEqual(['udp']);
    change.commit();
    expect(left).toEqual(['tcp:127.0.0.1:5060']);
    expect(listeners.transports).toEqual(['udp']);
    expect([listeners.has('second', 'udp'), listeners.has('second', 'tcp')]).toEqual([true, false]);
    expect(served.listening.map(({ port }) => port)).toEqual([5060, 5080]);
    expect(served.isOwnHost('b.example')).toBe(true);
  });

  test('that fails elsewhere closes at once what it opened', async () => {
    const { listeners, open, left } = world(udp(5060));
    await listeners.open();
    (await listeners.change(settingsOf(udp(5060), tcp(5080)))).undo();
    expect([[...open.keys()], left]).toEqual([['udp:127.0.0.1:5060'], []]);
    expect(listeners.inForce.length).toBe(1);
  });

  test('with an address that cannot be opened changes nothing', async () => {
    const { listeners, open } = world(udp(5060));
    await listeners.open();
    await expect(listeners.change(settingsOf(tcp(5080), tcp(9)))).rejects.toThrow(SettingsError);
    expect([...open.keys()]).toEqual(['udp:127.0.0.1:5060']);
    expect(listeners.transports).toEqual(['udp']);
  });

  test('a listener that has other fields stays as it was opened', async () => {
    const { listeners, open } = world(udp(5060, { name: 'main' }));
    await listeners.open();
    const change = await listeners.change(settingsOf(udp(5070, { name: 'main' })));
    change.commit();
    expect([change.added, open.get('main')?.port, listeners.inForce[0]?.port]).toEqual([0, 5060, 5060]);
  });

  test.each([
    ['another name', udp(5060), udp(5060, { name: 'main' })],
    ['all interfaces in place of one', udp(5060), udp(5060, { host: '0.0.0.0' })],
    ['TLS in place of TCP', tcp(5060), { ...tcp(5060), transport: 'tls', certificate: 'a', key: 'b' }],
  ])(
    '%s at the same port waits for a restart, and everything else of the reload is in force',
    async (_, before, after) => {
      const { listeners, open, left } = world(before);
      await listeners.open();
      const change = await listeners.change(settingsOf(after, udp(5080)));
      change.commit();
      expect([change.added, open.size, left]).toEqual([1, 2, []]);
      expect(listeners.inForce).toEqual([...settingsOf(before).listen, ...settingsOf(udp(5080)).listen]);
    },
  );
});

describe('a listener that no file names', () => {
  const added = (port: number, name: string) => ({ listen: settingsOf(tcp(port, { name })).listen[0] as never });

  test('is open beside those of the file, stays over a reload, and is left by its name', async () => {
    const { listeners, open, served, changes } = world(udp(5060));
    await listeners.open();
    await listeners.add(added(5080, 'carrier'));
    expect([listeners.transports, listeners.has('carrier', 'tcp')]).toEqual([['udp', 'tcp'], true]);
    expect(served.listening.map(({ port }) => port)).toEqual([5060, 5080]);
    (await listeners.change(settingsOf(udp(5060), udp(5070)))).commit();
    expect([...open.keys()]).toEqual(['udp:127.0.0.1:5060', 'carrier', 'udp:127.0.0.1:5070']);
    expect(listeners.inForce.map(({ port }) => port)).toEqual([5060, 5070]);
    expect(listeners.list().map(({ id }) => id)).toEqual(['udp:127.0.0.1:5060', 'carrier', 'udp:127.0.0.1:5070']);
    listeners.leave('carrier');
    listeners.leave('carrier');
    expect([listeners.transports, served.listening.length, changes]).toEqual([['udp'], 2, [1, 2, 3, 2]]);
  });

  test('that cannot be opened is not there; the error names the field', async () => {
    const { listeners } = world(udp(5060));
    await listeners.open();
    await expect(listeners.add(added(9, 'carrier'))).rejects.toMatchObject({ problems: [{ path: '' }] });
    expect(listeners.has('carrier', 'tcp')).toBe(false);
  });

  test('keeps a file from naming its name or address: the reload says what to remove first', async () => {
    const { listeners } = world(udp(5060));
    await listeners.open();
    await listeners.add(added(5080, 'carrier'));
    const twice = settingsOf(udp(5060), tcp(5080), udp(5099, { name: 'carrier' }), tcp(5081));
    await expect(listeners.change(twice)).rejects.toThrow(
      /^listen\[1\]: .*tandem transports remove "carrier".*\nlisten\[2\]: /,
    );
    expect(listeners.inForce.length).toBe(1);
  });
});

test('a TLS listener is listed with the certificate that it shows, not with what its file has meanwhile', async () => {
  const authority = new TestAuthority();
  const folder = mkdtempSync(join(tmpdir(), 'tandem-listeners-'));
  try {
    const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const put = (commonName: string) => {
      const pair = authority.issue({ commonName });
      writeFileSync(certificate, pair.cert);
      writeFileSync(key, pair.key);
    };
    put('first.example');
    const tls = { transport: 'tls', host: '127.0.0.1', port: 5061, certificate, key };
    const { listeners } = world(tls);
    const shown = () => listeners.list().map((listener) => listener.certificate?.subject);
    const ends = () => listeners.list().map((listener) => Date.parse(listener.certificate?.notAfter ?? ''));
    const watched = () => listeners.certificateFiles();
    await listeners.open();
    put('second.example');
    expect(shown()).toEqual(['CN=first.example']);
    listeners.readCertificates(settingsOf(tls))();
    expect(watched()).toEqual([{ name: certificate, notAfterMs: ends()[0] }]);
    expect(shown()).toEqual(['CN=second.example']);
    rmSync(certificate);
    expect(shown()).toEqual(['CN=second.example']);
  } finally {
    rmSync(folder, { recursive: true });
    authority.remove();
  }
});
