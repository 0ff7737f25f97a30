import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { startEngine } from '../kit/engine.ts';
import { freePort } from '../kit/free-port.ts';
import { peerCommand, peersSkipped } from '../kit/peers.ts';
import { acme, carrierTrunk } from './world.ts';

describe.skipIf(peersSkipped)('metrics', () => {
  test('promtool finds nothing to say of the metrics of a running engine', async () => {
    const engine = await startEngine({ provisioning: { tenants: [acme()], trunks: [carrierTrunk(await freePort())] } });
    try {
      const metrics = (await engine.api('/metrics')) as string;
      expect(metrics).toContain('tandem_trunk_up');
      const { status, stdout, stderr } = spawnSync(peerCommand('promtool'), ['check', 'metrics'], {
        input: metrics,
        encoding: 'utf8',
      });
      expect([status, stdout, stderr]).toEqual([0, '', '']);
    } finally {
      await engine.stop();
    }
  });
});
