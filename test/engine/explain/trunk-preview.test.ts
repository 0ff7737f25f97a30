import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { previewTrunk } from '../../../src/engine/explain/trunk-preview.ts';
import {
  provisioningSchema,
  type TrunkSettings,
  trunkSchema,
} from '../../../src/provisioning/trunk-settings/schema.ts';
import { type EngineHere, startEngineHere } from '../../kit/engine.ts';

const trunk = (fields: object = {}): TrunkSettings =>
  trunkSchema.parse({ name: 'new', type: 'ip', host: '192.0.2.10', port: 5070, ...fields });

describe('the INVITE of a trunk that is not there yet', () => {
  let engine: EngineHere;
  beforeAll(async () => {
    engine = await startEngineHere({ provisioning: { tenants: [], trunks: [] } });
  });
  afterAll(() => engine.stop());
  const preview = (question: Omit<Parameters<typeof previewTrunk>[1], 'to'>) =>
    previewTrunk(engine.node.engine.routing, { to: '+14155551212', ...question });

  test('is the one of a made-up tenant with the first number of the pool, where no tenant is named', () => {
    const [route] = preview({ trunk: trunk({ didPool: '14155550150-14155550199' }) }).routes;
    expect(route?.invite).toMatch(/^INVITE sip:\+14155551212@192\.0\.2\.10:5070 SIP\/2\.0\r\n/);
    expect(route?.outboundCallerId).toBe('14155550150');
    expect(route?.invite).toMatch(/\r\nFrom: "Alice Example" </);
  });

  test('follows options and parameters, each field with its reason', () => {
    const options = { removePlus: true, telUriTo: true };
    const outboundParameters = { pAssertedIdentity: { user: 'OutboundCallerId', host: { custom: 'ims.example' } } };
    const [route] = preview({ trunk: trunk({ didPool: '14155550150', options, outboundParameters }) }).routes;
    expect(route?.invite).toMatch(/^INVITE sip:14155551212@/);
    expect(route?.invite).toContain('\r\nTo: <tel:14155551212>');
    expect(route?.invite).toContain('<sip:14155550150@ims.example>');
    const reason = route?.fields.find(({ field }) => field.startsWith('P-Asserted-Identity'))?.reason;
    expect(reason).toBeTruthy();
  });

  test('is that of a tenant’s own extension where one is named, whatever rules it has; its pool holds', () => {
    const { tenants } = provisioningSchema.parse({
      tenants: [
        {
          name: 'acme',
          domain: 'acme.test',
          extensions: [{ number: '201', name: 'Bea', password: 'secret-201', outboundCallerId: '14155550120' }],
        },
      ],
    });
    const [tenant] = tenants;
    const assigned = trunk({ tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }] });
    expect(preview({ trunk: assigned, tenant }).routes[0]?.outboundCallerId).toBe('14155550120');
    expect(preview({ trunk: assigned, tenant }).caller).toMatchObject({ number: '201', name: 'Bea' });
    const elsewhere = trunk({ tenants: [{ tenant: 'acme', didPool: '4930100-4930199' }] });
    expect(preview({ trunk: elsewhere, tenant }).routes[0]?.outboundCallerId).not.toBe('14155550120');
  });

  test('registers, is switched off, has a proxy: it is shown all the same, and nothing is provisioned by it', () => {
    for (const fields of [
      { type: 'register', credentials: { authName: 'a', password: 'b' } },
      { enabled: false },
      { outboundProxy: { host: '192.0.2.99' } },
    ])
      expect(preview({ trunk: trunk(fields) }).routes[0]?.invite).toContain('INVITE sip:');
    expect(engine.node.provisioner.current().state.trunks).toEqual([]);
  });
});
