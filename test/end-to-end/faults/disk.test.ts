import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EngineProcess, startEngineProcess } from '../../kit/engine-process.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { apiOf } from '../nodes/cluster.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { ask, metric, SYSTEM_TOKEN } from './rest.ts';

/** A way to run out of room, and to have room again. */
interface Shortage {
  readonly prepare: (folder: string) => void;
  readonly begin: (folder: string, pid: number) => void;
  readonly end: (folder: string, pid: number) => void;
  readonly tidy: (folder: string) => void;
}

const limitFiles = (pid: number, limit: string) => execFileSync('prlimit', ['--pid', String(pid), `--fsize=${limit}`]);

/** A file system of its own that is filled up; needs the right to mount. */
const FULL_DISK: Shortage = {
  prepare: (folder) => execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder]),
  begin: (folder) => {
    // The last write fails for want of room: everything up to the last block is taken.
    for (const octets of [65_536, 4096, 512]) {
      try {
        for (;;) writeFileSync(join(folder, 'filler'), Buffer.alloc(octets), { flag: 'a' });
      } catch (error) {
        expect((error as { code?: string }).code).toBe('ENOSPC');
      }
    }
  },
  end: (folder) => rmSync(join(folder, 'filler')),
  tidy: (folder) => execFileSync('umount', ['-l', folder]),
};

/** No file of the process may grow: what a quota does. Needs no right. */
const FILE_LIMIT: Shortage = {
  prepare: () => {},
  begin: (_folder, pid) => limitFiles(pid, '1:unlimited'),
  end: (_folder, pid) => limitFiles(pid, 'unlimited'),
  tidy: () => {},
};

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]).status === 0;
  if (mounted) execFileSync('umount', ['-l', folder]);
  rmSync(folder, { recursive: true });
  return mounted;
}

describe.skipIf(peersSkipped).each([
  ['a full disk', FULL_DISK, canMount()],
  ['a limit on the size of files', FILE_LIMIT, true],
] as const)('%s under the embedded store', (_what, shortage, isPossible) => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-disk-'));
  const disk = join(folder, 'disk');
  let engine: EngineProcess;
  let base: string;
  let carrierPort: number;
  const path = '/api/v1/tenants/acme/extensions/103';

  beforeAll(async () => {
    if (!isPossible) return;
    mkdirSync(disk, { recursive: true });
    shortage.prepare(disk);
    carrierPort = await freePort();
    engine = await startEngineProcess({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
      settings: { store: { kind: 'embedded', path: join(disk, 'data') } },
      environment: { TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN },
    });
    base = apiOf(engine);
  }, 30_000);
  afterAll(async () => {
    await engine?.stop();
    if (isPossible) shortage.tidy(disk);
    rmSync(folder, { recursive: true, force: true });
  });

  const callOut = async () => {
    const carrier = await startAnswerer('answer', { localPort: carrierPort });
    await allWell(carrier, await startCaller('phone-call', `127.0.0.1:${engine.port}`, { pauseMs: 100 }));
  };

  test.skipIf(!isPossible)(
    'changes are refused and calls go on, phones register; with room again everything is taken, and nothing acknowledged is lost',
    async () => {
      expect((await ask(base, 'PATCH', path, { name: 'before' })).status).toBe(200);
      shortage.begin(disk, engine.child.pid);
      // Room that the database already has may still be used: after that every change is refused.
      let last = 'before';
      await eventually('a refusal', async () => {
        const name = `short ${last.length} ${'x'.repeat(40)}${Math.random()}`;
        const { status, body } = await ask(base, 'PATCH', path, { name });
        if (status === 200) last = name;
        else expect([status, body.code]).toEqual([503, 'store-unavailable']);
        return status === 503;
      });
      expect((await ask(base, 'GET', path)).body.name).toBe(last);
      // The alarm: calls are taken, and what is wrong is told to whoever watches.
      const degraded = await ask(base, 'GET', '/readyz');
      expect([degraded.status, degraded.body.status]).toEqual([200, 'ready']);
      expect(degraded.body.reasons).toContain('store-not-writable');
      expect(await metric(base, 'tandem_store_up')).toBe(0);
      await engine.child.waitFor(/"store-not-writable"/);
      await callOut();
      await allWell(await startCaller('phone-register', `127.0.0.1:${engine.port}`, { keys: { user: '102' } }));
      expect(await metric(base, 'uncaught_exceptions_total')).toBe(0);

      shortage.end(disk, engine.child.pid);
      await eventually('a change to be taken', async () => {
        const { status } = await ask(base, 'PATCH', path, { name: 'after' });
        return status === 200;
      });
      // Nobody need change anything for the alarm to end.
      await eventually('the alarm to end', async () => (await ask(base, 'GET', '/readyz')).body.reasons.length === 0);
      expect(await metric(base, 'tandem_store_up')).toBe(1);
      await callOut();
      const { body } = await ask(base, 'GET', '/api/v1/registrations?extension=102');
      expect(body.total).toBe(1);
      await engine.child.waitFor(/"provisioning-not-written"/);
    },
    40_000,
  );
});
