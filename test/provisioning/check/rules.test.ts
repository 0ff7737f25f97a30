import { describe, expect, test } from 'vitest';
import { checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import type { TrunkInput } from '../../../src/provisioning/trunk-settings/schema.ts';
import { provision } from '../../trunks/kit.ts';

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
    [{ options: { stirShaken: true, stirWhenUnsignable: 'unsigned' } }, []],
    [{ options: { stirWhenUnsignable: 'refuse' } }, []],
    [{ options: { stirWhenUnsignable: 'unsigned' } }, ['option-without-effect trunks[0].options.stirWhenUnsignable']],
    [{ options: { singleVia: false } }, ['option-without-effect trunks[0].options.singleVia']],
    [{ options: { singleVia: true } }, []],
    [
      { type: 'whatsapp', owner: 'acme', didPool: '1', options: { keepAlive: { enabled: true } } },
      ['option-without-effect trunks[0].options.keepAlive.enabled'],
    ],
  ] as const)('%j', (trunk, problems) => expect(faults(trunk as Partial<TrunkInput>)).toEqual(problems));
});

describe('registeredNodeOnly is for trunks that register', () => {
  const credentials = { username: 'acme', password: 'c4rrier' };
  const refused = (code: string) => [`${code} trunks[0].options.registeredNodeOnly`];
  test.each([
    [{ type: 'register', credentials }, []],
    [{ type: 'register', credentials, options: { registration: 'off' } }, refused('option-without-effect')],
    [{ type: 'ip' }, refused('option-not-for-type')],
    [{ type: 'accept-register', credentials, host: 'gw.example.com' }, refused('option-not-for-type')],
  ] as const)('%j', (trunk, problems) => {
    const { options = {} } = trunk as Partial<TrunkInput>;
    const changed = { ...trunk, options: { ...options, registeredNodeOnly: true } };
    expect(faults(changed as Partial<TrunkInput>)).toEqual(problems);
  });
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
