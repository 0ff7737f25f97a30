import { describe, expect, test } from 'vitest';
import { checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import { isHost, isNetwork } from '../../../src/provisioning/tenants/fields.ts';
import { brands } from '../../../src/provisioning/trunk-settings/brands.ts';
import { withBrand } from '../../../src/provisioning/trunk-settings/effective.ts';
import {
  TRANSPORTS,
  TRUNK_TYPES,
  type TrunkInput,
  trunkSchema,
} from '../../../src/provisioning/trunk-settings/schema.ts';
import { provision } from '../../trunks/kit.ts';

const trunk = (input: Partial<TrunkInput>) => withBrand(trunkSchema.parse({ name: 't', type: 'ip', ...input }));

test('header fields that a stored trunk adds are in force but for names that the schema has refused since', () => {
  const settings = trunkSchema.parse({
    name: 't',
    type: 'ip',
    host: 'h.example',
    addHeaders: [{ name: 'X-Site', value: 'hq' }],
  });
  const stored = [...settings.addHeaders, { name: 'X-Tandem-Via', value: 'x' }];
  expect(withBrand({ ...settings, addHeaders: stored }).addHeaders).toEqual([{ name: 'X-Site', value: 'hq' }]);
});

describe('the presets', () => {
  test.each(brands().map((brand) => [brand.id, brand] as const))('%s is well-formed', (id, brand) => {
    expect(id).toMatch(/^[a-z0-9-]+$/);
    for (const type of brand.types) expect(TRUNK_TYPES).toContain(type);
    for (const transport of brand.transports) expect(TRANSPORTS).toContain(transport);
    if (brand.transport !== undefined) expect(brand.transports).toContain(brand.transport);
    for (const { host } of brand.hosts) expect(isHost(host.replaceAll(/\{[^}]*\}/g, 'x'))).toBe(true);
    for (const network of brand.associatedIps ?? []) expect(isNetwork(network)).toBe(true);
    for (const host of brand.hosts.filter((entry) => entry.default === true)) expect(host.host).not.toContain('{');
    // What a preset sets is what an operator could have written.
    const written = {
      name: 't',
      type: brand.types[0],
      host: 'x.example.com',
      options: brand.options,
      outboundParameters: brand.outboundParameters,
      inboundParameters: brand.inboundParameters,
    };
    expect(trunkSchema.safeParse(written).error).toBeUndefined();
  });

  test('ids are unique and generic presets nothing', () => {
    expect(new Set(brands().map(({ id }) => id)).size).toBe(brands().length);
    expect(
      [...trunk({ host: 'x.example.com' }).sources.values()].filter((source) => source.startsWith('brand')),
    ).toEqual([]);
  });

  test.each(
    brands().flatMap((brand) =>
      brand.types.filter((type) => !['teams', 'whatsapp'].includes(type)).map((type) => [brand.id, type] as const),
    ),
  )('%s as %s passes every rule with host and credentials given', (brand, type) => {
    const state = provision({
      trunks: [
        {
          name: 't',
          brand,
          type,
          host: 'x.example.com',
          ...(type === 'ip' ? {} : { credentials: { username: 'u', password: 'p' } }),
        },
      ],
    });
    expect(checkProvisioning(state)).toEqual([]);
  });
});

describe('a trunk with its brand', () => {
  test('takes what the operator left out from the brand, and says so', () => {
    const telnyx = trunk({ brand: 'telnyx', type: 'register', credentials: { username: 'u', password: 'p' } });
    expect([telnyx.host, telnyx.port, telnyx.transport]).toEqual(['sip.telnyx.com', 5060, 'udp']);
    expect(telnyx.associatedIps).toContain('64.16.250.10/32');
    expect(telnyx.sources.get('host')).toBe('brand telnyx');
    expect(telnyx.sources.get('options.singleVia')).toBe('default');
  });

  test('is overridden field by field and part by part', () => {
    const cm = trunk({ brand: 'cm-com', port: 5070, outboundParameters: { from: { host: 'SipDomain' } } });
    expect(cm.port).toBe(5070);
    expect(cm.outboundParameters.from).toEqual([{ user: 'OutboundCallerId', host: 'SipDomain' }]);
    expect(cm.sources.get('outboundParameters.from.user')).toBe('brand cm-com');
    expect(cm.sources.get('outboundParameters.from.host')).toBe('trunk');
    expect(cm.sources.get('port')).toBe('trunk');
  });

  test("a mapping with a condition replaces the brand's", () => {
    const cm = trunk({ brand: 'cm-com', outboundParameters: { from: [{ when: 'anonymous', user: 'Anonymous' }] } });
    expect(cm.outboundParameters.from).toEqual([{ when: 'anonymous', user: 'Anonymous' }]);
  });

  test("uses the brand's TLS port with TLS, and no brand port on a host that is not the brand's", () => {
    expect(trunk({ brand: 'twilio', host: 'acme.pstn.twilio.com', transport: 'tls' }).port).toBe(5061);
    expect(trunk({ brand: 'twilio', host: 'sbc.example.com' }).port).toBeUndefined();
  });

  test("an option of the operator precedes the brand's", () => {
    expect(trunk({ brand: 'vonage', host: 'a.sip-us.vonage.com' }).options.removePlus).toBe(true);
    expect(
      trunk({ brand: 'vonage', host: 'a.sip-us.vonage.com', options: { removePlus: false } }).options.removePlus,
    ).toBe(false);
  });

  test('guide defaults: single Via, keep-alive every 360 s with 200 only, caller ID passed, nothing mapped', () => {
    const { options, outboundParameters, inboundParameters } = trunk({
      host: 'x.example.com',
      options: { keepAlive: { enabled: true, accept: 200 } },
    });
    expect(options.keepAlive).toEqual({ enabled: true, intervalSeconds: 360, accept: '200', downAfter: 1, upAfter: 1 });
    expect([options.singleVia, options.callerIdOutsidePool, options.redirects, options.trusted]).toEqual([
      true,
      'pass',
      'reject',
      true,
    ]);
    expect(outboundParameters.pAssertedIdentity).toEqual([]);
    expect(inboundParameters.calledNumber).toEqual(['to.user']);
  });

  test('username and authName stand for each other', () => {
    expect(
      trunk({ type: 'register', host: 'x.example.com', credentials: { authName: 'a', password: 'p' } }).credentials
        ?.username,
    ).toBe('a');
    expect(
      trunk({ type: 'register', host: 'x.example.com', credentials: { username: 'b', password: 'p' } }).credentials
        ?.authName,
    ).toBe('b');
  });

  test('the same written trunk gives the same effective trunk', () => {
    const settings = trunkSchema.parse({ name: 't', type: 'ip', host: 'x.example.com' });
    expect(withBrand(settings)).toBe(withBrand(settings));
  });
});
