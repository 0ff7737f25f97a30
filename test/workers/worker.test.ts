import { createSocket } from 'node:dgram';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Dealt } from '../../src/engine/admit/dealing.ts';
import { HandOver } from '../../src/workers/hand-over.ts';
import type { FromWorker, ToWorker } from '../../src/workers/protocol.ts';
import { runWorker } from '../../src/workers/worker.ts';
import { writeConfiguration } from '../kit/engine-process.ts';
import { eventually } from '../kit/eventually.ts';
import { freePortForWorkers } from '../kit/free-port.ts';

const KEY = Buffer.alloc(32, 7);

test('what the supervisor says as a worker begins is heard: an answer that belongs to a sibling is handed over', async () => {
  const port = await freePortForWorkers(2, '127.0.0.1');
  const { folder, configFile } = writeConfiguration(
    { provisioning: {}, settings: { workers: 2, api: { enabled: false }, log: { level: 'error' } } },
    [{ transport: 'udp', host: '127.0.0.1', port }],
  );
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const sibling = new HandOver(KEY);
  await sibling.open();
  const phone = createSocket('udp4');
  const taken: Dealt[] = [];
  sibling.onGiven((dealt) => taken.push(dealt));
  const said: FromWorker[] = [];
  let tell: (message: ToWorker | undefined) => void = () => {};
  const running = runWorker(
    {
      ...{ kind: 'begin', configFile, node: 'edge', worker: 0, count: 2, hasHub: false, warmsUp: false },
      handOverKey: KEY.toString('base64'),
      httpSocket: join(folder, '1'),
      apiAddress: undefined,
      ownerToken: '',
    },
    {
      send: (message) => said.push(message) > 0,
      onMessage: (listener) => {
        tell = listener;
      },
    },
  );
  onTestFinished(async () => {
    tell({ kind: 'close' });
    await running;
    phone.close();
    await sibling.close();
  });
  tell({ kind: 'siblings', ports: [undefined, sibling.port] });
  await eventually('it to serve', () => said.some(({ kind }) => kind === 'ready'));
  const answer = `SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK01it\r\n\r\n`;
  await eventually('the answer at the sibling', () => {
    phone.send(answer, port, '127.0.0.1');
    return taken.length > 0;
  });
  expect(taken[0]?.octets.toString('latin1')).toBe(answer);
});
