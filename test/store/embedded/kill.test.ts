import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import { openStores } from '../../../src/store/index.ts';
import { startChild } from '../../kit/child.ts';
import { onDisk } from '../../kit/on-disk.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { temporaryFolder } from '../kit.ts';

onDisk();

const ROUNDS = 20;
const writer = fileURLToPath(new URL('./writer-process.ts', import.meta.url));

function acknowledged(output: string, kind: 'tenant' | 'binding'): string[] {
  // The last line may have been cut off by the kill.
  const lines = output.slice(0, output.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.slice(kind.length + 1));
}

test(`kill -9 during writes, ${ROUNDS} rounds: no acknowledged commit or binding is lost, and the store opens every time`, async () => {
  const folder = temporaryFolder();
  const tenants: string[] = [];
  const bindings: string[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const child = startChild(execPath, [writer, folder, String(round)]);
    const enough = new RegExp(`tenant r${round}-${1 + ((round * 7) % 23)}\n`);
    await child.waitFor(enough);
    child.signal('SIGKILL');
    await child.exited;
    tenants.push(...acknowledged(child.output(), 'tenant'));
    bindings.push(...acknowledged(child.output(), 'binding'));
  }
  const stores = await openStores(
    { node: 'node-1', store: { kind: 'embedded', path: folder } },
    { log: silentLog, scheduler: new VirtualScheduler() },
  );
  const { version, state } = await stores.provisioning.load();
  const kept = new Set(state.tenants.map(({ name }) => name));
  const keptBindings = new Set([...(await stores.bindings.load())].map(({ aor }) => aor));
  await stores.close();
  expect(tenants.length).toBeGreaterThan(ROUNDS);
  expect(tenants.filter((name) => !kept.has(name))).toEqual([]);
  expect(bindings.filter((aor) => !keptBindings.has(aor))).toEqual([]);
  // Each commit wrote one tenant: none is half there, none twice.
  expect(version).toBe(kept.size);
}, 90_000);
