import { expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { WorkerSlot } from '../../src/workers/worker-slot.ts';
import { temporaryFolder } from '../store/kit.ts';

test('a process that has just begun is told at once where the others take what it hands over', async () => {
  const folder = temporaryFolder();
  let tells = 0;
  const slot: WorkerSlot = new WorkerSlot({
    beginning: {
      ...{ kind: 'begin', configFile: `${folder}/none.yaml`, node: 'edge', worker: 0, count: 2, hasHub: false },
      ...{ handOverKey: '', httpSocket: `${folder}/1`, apiAddress: undefined, ownerToken: '', warmsUp: false },
    },
    name: 'edge-w1',
    environment: process.env,
    storeFolder: folder,
    hub: undefined,
    log: silentLog,
    onChange: () => {
      tells++;
      slot.send({ kind: 'siblings', ports: [undefined, 1] });
    },
    onNews: () => {},
  });
  const started = slot.start();
  expect(tells).toBe(1);
  await expect(started).rejects.toThrow('none.yaml');
  await slot.kill();
});
