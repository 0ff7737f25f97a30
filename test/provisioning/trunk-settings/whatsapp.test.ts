import { describe, expect, test } from 'vitest';
import { checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import { withBrand } from '../../../src/provisioning/trunk-settings/effective.ts';
import type { TrunkInput } from '../../../src/provisioning/trunk-settings/schema.ts';
import { whatsappCalls } from '../../../src/provisioning/trunk-settings/whatsapp.ts';
import { provision } from '../../trunks/kit.ts';

const faults = (trunk: Partial<TrunkInput>) =>
  checkProvisioning(
    provision({
      tenants: [{ name: 'acme', domain: 'acme.example.com' }],
      trunks: [{ name: 'carrier', type: 'ip', host: '192.0.2.1', ...trunk }],
    }),
  ).map(({ code, path }) => `${code} ${path}`);

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

  const calls = { hostname: 'Calls.Acme.example', password: 'made-by-meta' };
  const calling = { ...own, whatsapp: { ...whatsapp, calls } } as const;
  const refused = (path: string) => [`option-not-for-type trunks[0].${path}`];

  test.each([
    ['may have calls', calling, []],
    ['with DTLS', { ...calling, options: { media: 'webrtc' } }, []],
    ['whose media is SRTP', { ...calling, options: { media: 'auto' } }, refused('options.media')],
    ['over TLS', { ...calling, transport: 'tcp' }, refused('transport')],
    [
      'without session timers',
      { ...calling, options: { sessionTimer: { mode: 'request' } } },
      refused('options.sessionTimer.mode'),
    ],
    [
      'whose password is in one place',
      { ...calling, credentials: { username: '1', password: 'x' } },
      refused('credentials'),
    ],
    [
      'with the business in From',
      { ...calling, outboundParameters: { from: { user: 'CallerNum' } } },
      refused('outboundParameters.from'),
    ],
    ['with E.164 numbers', { ...calling, options: { removePlus: true } }, refused('options.removePlus')],
    [
      'under a name that is no domain of a tenant',
      { ...own, whatsapp: { ...whatsapp, calls: { ...calls, hostname: 'acme.example.com' } } },
      ['host-is-tenant-domain trunks[0].whatsapp.calls.hostname'],
    ],
  ] as const)('%s', (_, trunk, problems) => expect(faults(trunk as Partial<TrunkInput>)).toEqual(problems));

  test('a number is called at one trunk under a name, two numbers may share it', () => {
    const trunk = (id: string, number: string) => ({
      ...calling,
      id,
      name: `whatsapp ${id}`,
      didPool: '14155550160-14155550169',
      whatsapp: { ...calling.whatsapp, number },
    });
    const check = (...trunks: ReturnType<typeof trunk>[]) =>
      checkProvisioning(
        provision({
          tenants: [{ name: 'acme', domain: 'acme.example.com' }],
          trunks: trunks as unknown as TrunkInput[],
        }),
      ).map(({ code, path }) => `${code} ${path}`);
    expect(check(trunk('1', '+14155550160'), trunk('2', '14155550161'))).toEqual([]);
    expect(check(trunk('1', '+14155550160'), trunk('2', '14155550160'))).toEqual([
      'trunk-credentials-taken trunks[1].whatsapp.number',
    ]);
  });

  test.each(['+14155550160', '14155550160'])('nor may a gateway sign in under that name as %s', (authName) => {
    const gateway = { id: '2', name: 'gateway', owner: 'globex', host: 'calls.acme.example', didPool: '4930100' };
    const credentials = { authName, password: 'of-another' };
    const tenants = ['acme', 'globex'].map((name) => ({ name, domain: `${name}.example.com` }));
    const trunks = [
      { ...calling, id: '1', name: 'whatsapp' },
      { ...gateway, type: 'accept-register', credentials },
    ];
    const problems = checkProvisioning(provision({ tenants, trunks: trunks as unknown as TrunkInput[] }));
    expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual([
      'trunk-credentials-taken trunks[1].credentials.authName',
    ]);
  });

  test('calls preset what WhatsApp takes, and say where it came from', () => {
    const trunk = withBrand(
      provision({ trunks: [{ name: 'w', ...calling } as unknown as TrunkInput] }).trunks[0] as never,
    );
    expect(trunk).toMatchObject({
      host: 'wa.meta.vc',
      port: 5061,
      transport: 'tls',
      credentials: { authName: '+14155550160', password: 'made-by-meta' },
      options: { media: 'srtp', sessionTimer: { mode: 'off' }, keepAlive: { enabled: false } },
    });
    expect(trunk.sources.get('options.media')).toBe('type whatsapp');
    expect(whatsappCalls(trunk)).toMatchObject({ hostname: 'calls.acme.example', number: '+14155550160' });
    expect(whatsappCalls({ ...trunk, type: 'ip' })).toBeUndefined();
  });
});
