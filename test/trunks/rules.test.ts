import { describe, expect, test } from 'vitest';
import { checkProvisioning } from '../../src/trunks/provisioning.ts';
import type { TrunkInput } from '../../src/trunks/schema.ts';
import { provision } from './kit.ts';

const faults = (trunk: Partial<TrunkInput>) =>
  checkProvisioning(
    provision({
      tenants: [{ name: 'acme', domain: 'acme.example.com' }],
      trunks: [{ name: 'carrier', type: 'ip', host: '192.0.2.1', ...trunk }],
    }),
  ).map(({ code, path }) => `${code} ${path}`);

describe('an option that has no effect in this version is refused, not accepted in silence', () => {
  test.each([
    [{ options: { stirShaken: true } }, []],
    [{ options: { stirShaken: true, stirRichCallData: 'rcd' } }, []],
    [{ options: { stirRichCallData: 'off' } }, []],
    [{ options: { stirRichCallData: 'shaken' } }, ['option-without-effect trunks[0].options.stirRichCallData']],
    [{ options: { singleVia: false } }, ['option-without-effect trunks[0].options.singleVia']],
    [{ options: { singleVia: true } }, []],
    [
      { type: 'whatsapp', owner: 'acme', didPool: '1', options: { keepAlive: { enabled: true } } },
      ['option-without-effect trunks[0].options.keepAlive.enabled'],
    ],
  ] as const)('%j', (trunk, problems) => expect(faults(trunk as Partial<TrunkInput>)).toEqual(problems));
});

describe("a trunk whose privacy cannot hide an anonymous caller's number is refused unless it says so", () => {
  const refused = ['privacy-cannot-hide trunks[0].outboundParameters.privacy'];
  test.each([
    [[], true, refused],
    [[], false, refused],
    [['header'], true, refused],
    [['id'], false, refused],
    [['id', 'header'], false, refused],
    [['id'], true, []],
    [['user'], false, []],
    [['user', 'id'], true, []],
    [undefined, false, []],
  ] as const)('privacy %j, trusted %j', (privacy, trusted, problems) => {
    const outboundParameters = privacy === undefined ? {} : { privacy: [...privacy] };
    expect(faults({ outboundParameters, options: { trusted } })).toEqual(problems);
    expect(faults({ outboundParameters, options: { trusted, numberMayShow: true } })).toEqual([]);
  });
});

describe('a whatsapp trunk', () => {
  const whatsapp = {
    number: '+14155550160',
    phoneNumberId: '1001',
    accountId: '2002',
    accessToken: 't',
    appSecret: 's',
    verifyToken: 'v',
  };
  const own = { type: 'whatsapp', owner: 'acme', host: undefined, didPool: '14155550160' } as const;
  const unprotected = ['api-unprotected trunks[0].whatsapp.apiBase'];

  test.each([
    ['needs no host', own, []],
    ['has a number of its pool', { ...own, whatsapp }, []],
    [
      'has no other number',
      { ...own, didPool: '14155550161', whatsapp },
      ['number-outside-pool trunks[0].whatsapp.number'],
    ],
    [
      'is asked for over https',
      { ...own, whatsapp: { ...whatsapp, apiBase: 'http://graph.example/v23.0' } },
      unprotected,
    ],
    ['or on this machine', { ...own, whatsapp: { ...whatsapp, apiBase: 'http://127.0.0.1:8090/v23.0' } }, []],
    ['alone has such settings', { type: 'ip', whatsapp }, ['option-not-for-type trunks[0].whatsapp']],
    ['belongs to a tenant', { ...own, owner: 'system', didPool: undefined }, ['owner-not-allowed trunks[0].owner']],
  ] as const)('%s', (_, trunk, problems) => expect(faults(trunk as Partial<TrunkInput>)).toEqual(problems));
});
