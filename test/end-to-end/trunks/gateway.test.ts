import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Baresip, startBaresip } from '../../kit/baresip.ts';
import { TestAuthority } from '../../kit/certificates.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme } from '../world.ts';
import { change, listen, tandem, trunkBecomes, trunkStatus } from './observe.ts';
import { withPhone } from './phone.ts';

/** The values of the guide's walk-through. */
const LABEL = 'portsiptrunk1.io';
const AUTH_NAME = '123456';
const PASSWORD = 'gateway-secret';
const GATEWAY = { user: AUTH_NAME, domain: LABEL, password: PASSWORD };

interface RegistrationRow {
  readonly addressOfRecord: string;
  readonly source: string;
  readonly transport: string;
}

/** As the guide's first step creates it. */
const TRUNK = {
  type: 'accept-register',
  name: 'E1GW-SiteA',
  owner: 'acme',
  didPool: '14155550100-14155550199',
  host: LABEL,
  credentials: { authName: AUTH_NAME, password: PASSWORD },
};

/** The guide "Configure E1/T1 Gateway Registration", its steps by API in the guide's order, then gateways that register. */
describe.skipIf(peersSkipped)('an E1/T1 gateway registers to an accept-register trunk', () => {
  let engine: TestEngine;
  let folder: string;
  let caFile: string;
  let trunkId: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-gateway-test-'));
    const authority = new TestAuthority();
    const server = authority.issue({ commonName: LABEL, alternativeNames: [`DNS:${LABEL}`, 'IP:127.0.0.1'] });
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    caFile = file('ca.pem', authority.certificate);
    authority.remove();
    const host = '127.0.0.1';
    engine = await startEngine({
      provisioning: { tenants: [acme({ outboundRules: [], inboundRules: [] })] },
      settings: {
        // SIPp and baresip know MD5 only.
        listen: [
          { transport: 'udp', host, port: 0 },
          { transport: 'tcp', host, port: 0 },
          {
            transport: 'tls',
            host,
            port: 0,
            certificate: file('cert.pem', server.cert),
            key: file('key.pem', server.key),
          },
        ],
        // No name is ever looked up: nobody would answer here.
        dns: { servers: ['127.0.0.1:9'] },
      },
    });
    const created = (await engine.api('/api/v1/trunks', TRUNK)) as { id: string; host: string };
    expect(created.host).toBe(LABEL);
    trunkId = created.id;
    await engine.api('/api/v1/tenants/acme/inbound-rules', {
      name: 'direct',
      trunk: TRUNK.name,
      dids: '14155550101-14155550103',
      destination: { extensions: '101-103' },
    });
    await engine.api('/api/v1/tenants/acme/outbound-rules', {
      name: 'world',
      match: { prefixes: ['9'] },
      routes: [{ trunk: TRUNK.name, strip: 1 }],
    });
  });
  afterAll(async () => {
    await engine.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const registration = async (): Promise<RegistrationRow | undefined> => {
    await engine.registeredEverywhere();
    const { items } = (await engine.api('/api/v1/registrations')) as { items: RegistrationRow[] };
    return items.find(({ addressOfRecord }) => addressOfRecord === `${AUTH_NAME}@${LABEL}`);
  };

  test('step 1: the trunk is created; its host need not resolve, may not be a tenant’s domain, and is one trunk’s', async () => {
    await expect(engine.api('/api/v1/trunks', { ...TRUNK, host: 'acme.test' })).rejects.toThrow(/domain/);
    await expect(engine.api('/api/v1/trunks', { ...TRUNK, name: 'again' })).rejects.toThrow(/409/);
    expect(await trunkStatus(engine, trunkId)).toMatchObject({
      state: 'offline',
      reason: 'its gateway is not registered',
    });
  });

  test('no gateway yet: a call out is refused with 503', async () => {
    const [phone] = await allWell(await startCaller('phone-refused', engine.address()));
    expect(phone?.messages).toContain('SIP/2.0 503 ');
  });

  test('a wrong password is refused, and said so', async () => {
    const keys = { user: AUTH_NAME, domain: LABEL, password: 'guess' };
    const gateway = await startCaller('phone-register', engine.address(), { keys });
    const { failed, messages } = await gateway.finished;
    expect(failed).toBe(1);
    expect(messages).not.toContain('SIP/2.0 200');
    expect(await registration()).toBeUndefined();
    expect(await trunkStatus(engine, trunkId)).toMatchObject({ state: 'offline' });
    await engine.logged('request-refused', ({ code, why }) => code === 'register-refused' && why === 'password');
  });

  describe.each(['udp', 'tcp'] as const)('SIPp over %s', (transport) => {
    const register = async (localPort: number, expires = '600') =>
      allWell(
        await startCaller('phone-register', engine.address(transport), {
          transport,
          localPort,
          keys: { ...GATEWAY, expires },
        }),
      ).then(() => engine.registeredEverywhere());
    const gatewayOn = (localPort: number) => startAnswerer('answer', { transport, localPort });

    test('step 2: registers at the label through the engine’s address; calls go both ways', async () => {
      const port = await freePort();
      const events = await listen(engine);
      await register(port);
      expect(await registration()).toMatchObject({ transport });
      await trunkBecomes(engine, trunkId, 'online');
      await events.event('trunk-state', (data) => data['trunkId'] === trunkId && data['state'] === 'online');
      await events.event('registration', (data) => data['action'] === 'added');
      events.close();
      expect(await tandem(engine, 'trunks')).toMatch(/E1GW-SiteA +accept-register +acme +online/);
      expect(await tandem(engine, 'registrations')).toContain(`${AUTH_NAME}@${LABEL}`);

      const gateway = await gatewayOn(port);
      const [, called] = await allWell(await startCaller('phone-call', engine.address()), gateway);
      expect(called?.messages).toContain('INVITE sip:15551234@');

      await withPhone(engine, '102', async (phone) => {
        const call = await startCaller('../trunks/sipp/gateway-call', engine.address(transport), {
          transport,
          localPort: port,
          keys: { ...GATEWAY, called: '14155550102' },
        });
        const [rung] = await allWell(phone, call);
        expect(rung?.messages).toMatch(/^From: "Caller" <sip:4930123456@/m);
      });
      await register(port, '0');
      await trunkBecomes(engine, trunkId, 'offline');
    });

    test('restarted on another port: the new registration replaces the old one and calls follow it', async () => {
      const [before, after] = [await freePort(), await freePort()];
      await register(before);
      await register(after);
      const { items } = (await engine.api('/api/v1/registrations')) as { items: RegistrationRow[] };
      expect(items.filter(({ addressOfRecord }) => addressOfRecord === `${AUTH_NAME}@${LABEL}`)).toHaveLength(1);
      const gateway = await gatewayOn(after);
      const old = await gatewayOn(before);
      await allWell(await startCaller('phone-call', engine.address()), gateway);
      expect((await old.stop()).messages).not.toContain('INVITE');
      await register(after, '0');
    });
  });

  describe.each(['udp', 'tcp', 'tls'] as const)('baresip over %s', (transport) => {
    let gateway: Baresip;
    const start = async () => {
      const started = await startBaresip({
        user: AUTH_NAME,
        domain: LABEL,
        password: PASSWORD,
        proxy: { host: '127.0.0.1', port: engine.port(transport) },
        transport,
        ...(transport === 'tls' && { caFile }),
      });
      await started.registered();
      return started;
    };
    beforeAll(async () => {
      // baresip takes calls for its own user alone.
      await change(engine, `/api/v1/trunks/${trunkId}`, {
        outboundParameters: { requestUri: { user: 'AuthID', host: 'TrunkHostPort' } },
      });
      gateway = await start();
    });
    afterAll(() => gateway.stop());

    const callOut = async () => {
      const phone = await startCaller('phone-call', engine.address(), { pauseMs: 100 });
      await gateway.heard('CALL_ESTABLISHED');
      await allWell(phone);
      await gateway.heard('CALL_CLOSED');
    };

    test('calls out follow its binding', callOut);

    test('its calls come in by DID', async () => {
      await withPhone(engine, '102', async (phone) => {
        gateway.dial(`sip:14155550102@${LABEL}`);
        await gateway.heard('CALL_ESTABLISHED');
        gateway.hangUp();
        await allWell(phone);
        await gateway.heard('CALL_CLOSED');
      });
    });

    test('restarted, it comes from another port, and calls follow', async () => {
      const before = await registration();
      await gateway.stop();
      gateway = await start();
      await eventually('another binding', async () => {
        const now = await registration();
        return now !== undefined && now.source !== before?.source;
      });
      await callOut();
    });
  });
});
