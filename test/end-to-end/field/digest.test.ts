import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { NodeSettingsInput } from '../../../src/settings/node-schema.ts';
import { startBaresip } from '../../kit/baresip.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import type { EngineOptions } from '../../kit/engine-process.ts';
import { freePort } from '../../kit/free-port.ts';
import { startLinphone } from '../../kit/linphone.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';

const yaml = (file: string) => parse(readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8'));

/** The configuration that everybody starts with, but for what a test must have of its own: ports and folder. */
async function demoEngine(): Promise<{ engine: TestEngine; carrierPort: number }> {
  const { node, log } = yaml('config/tandem.yaml') as NodeSettingsInput;
  const provisioning = yaml('config/demo.yaml') as EngineOptions['provisioning'];
  const carrierPort = await freePort();
  const [trunk] = provisioning.trunks ?? [];
  if (trunk !== undefined) trunk.port = carrierPort;
  const engine = await startEngine({ provisioning, settings: { node, log } });
  return { engine, carrierPort };
}

describe.skipIf(peersSkipped)('phones against the configuration that everybody starts with', () => {
  let engine: TestEngine;
  let carrierPort: number;
  beforeAll(async () => {
    ({ engine, carrierPort } = await demoEngine());
  });
  afterAll(async () => {
    await engine.stop();
  });

  test('baresip signs in and calls out', async () => {
    const phone = await startBaresip({
      user: '101',
      domain: 'demo.example.com',
      password: 'demo-alice-101',
      proxy: { host: '127.0.0.1', port: engine.port() },
      transport: 'udp',
    });
    try {
      await phone.registered();
      const carrier = await startAnswerer('answer', { localPort: carrierPort });
      phone.dial('sip:914155559999@demo.example.com');
      await phone.heard('CALL_ESTABLISHED');
      phone.hangUp();
      await allWell(carrier);
    } finally {
      await phone.stop();
    }
  });

  test.each(['udp', 'tcp'] as const)('linphone signs in over %s, calls out and is called', async (transport) => {
    const phone = await startLinphone({
      user: '101',
      domain: 'demo.example.com',
      password: 'demo-alice-101',
      proxy: { host: '127.0.0.1', port: engine.port(transport) },
      transport,
    });
    try {
      await phone.registered();
      await expect.poll(() => engine.registrations('101')).toMatchObject([{ transport }]);
      const carrier = await startAnswerer('answer', { localPort: carrierPort });
      phone.dial('sip:914155559999@demo.example.com');
      await phone.established();
      phone.hangUp();
      await allWell(carrier);
      await phone.idle();
      const keys = { user: '102', password: 'demo-bob-102', domain: 'demo.example.com', called: '101' };
      await allWell(await startCaller('phone-call', engine.address(), { keys }));
      await phone.idle();
    } finally {
      await phone.stop();
    }
  });

  test('SIPp signs in and calls out, with the digest that it makes by itself', async () => {
    const keys = { user: '102', password: 'demo-bob-102', domain: 'demo.example.com' };
    await allWell(await startCaller('phone-register', engine.address(), { keys }));
    const carrier = await startAnswerer('answer', { localPort: carrierPort });
    const caller = await startCaller('phone-call', engine.address(), { keys: { ...keys, called: '914155559999' } });
    await allWell(caller, carrier);
  });

  test.each(['911', '112', '9-1-1'])('an emergency call to %s reaches the carrier as dialled', async (called) => {
    const keys = { user: '102', password: 'demo-bob-102', domain: 'demo.example.com' };
    const carrier = await startAnswerer('answer', { localPort: carrierPort });
    const caller = await startCaller('phone-call', engine.address(), { keys: { ...keys, called } });
    await allWell(caller, carrier);
    const number = called.replaceAll('-', '');
    const { messages } = (await engine.api(`/api/v1/trace?method=INVITE&number=${number}&limit=20`)) as {
      messages: { direction: string; text: string }[];
    };
    const sent = messages.filter(({ direction, text }) => direction === 'sent' && text.startsWith('INVITE '));
    expect(sent.at(-1)?.text).toMatch(new RegExp(`^INVITE sip:${number}@127\\.0\\.0\\.1:${carrierPort} `));
  });
});

describe.skipIf(peersSkipped)('a phone that cannot answer what is asked of it', () => {
  test('is named in the log once, with what to set', async () => {
    const engine = await startEngine({
      provisioning: {
        tenants: [
          {
            name: 'acme',
            domain: 'acme.test',
            extensions: [{ number: '101', password: 'secret-101', digest: { algorithms: ['SHA-256'] } }],
          },
        ],
      },
      // What stops at the challenge is told after ten times T1.
      settings: { timers: { t1Ms: 100 } },
    });
    try {
      const phone = await startBaresip({
        user: '101',
        domain: 'acme.test',
        password: 'secret-101',
        proxy: { host: '127.0.0.1', port: engine.port() },
        transport: 'udp',
      });
      try {
        const line = await engine.logged('challenge-unanswered');
        expect(line).toMatchObject({ user: '101', realm: 'acme.test', method: 'REGISTER', algorithms: 'SHA-256' });
        expect(line['userAgent']).toMatch(/baresip/);
        expect(line['hint']).toContain('digest.algorithms: [MD5]');
        expect(engine.logs('challenge-unanswered')).toHaveLength(1);
      } finally {
        await phone.stop();
      }
    } finally {
      await engine.stop();
    }
  });
});
