import { expect, test } from 'vitest';
import { ifAnswered } from '../../src/outbound/if-answered.ts';
import { ACME, directoryOf, type TrunkInput, trunkWith } from './world.ts';

function said(changes: Partial<TrunkInput>, emergency = false): string[] {
  const trunk = directoryOf([ACME], [trunkWith(changes)]).trunkByName('CallCentric');
  if (trunk === undefined) throw new Error('no trunk');
  return ifAnswered(trunk, emergency);
}

test('a trunk without credentials, by default: refusals, and the codes that lead on', () => {
  expect(said({})).toEqual([
    '401, 407: a refusal, for the trunk has no credentials',
    '3xx: a refusal (options.redirects)',
    '422: the INVITE again with the session interval that is asked for',
    '402, 403, 408, 488, 500, 502, 503, 504, or none: the next target or route (options.failoverCodes)',
  ]);
});

test('credentials with their realms, redirections that are followed, no session timer', () => {
  const credentials = { authName: 'acme', password: 'secret', realms: ['sbc1', 'sbc2'] };
  const options = { redirects: 'follow', sessionTimer: { mode: 'off' } } as const;
  const lines = said({ type: 'register', credentials, options });
  expect(lines.slice(0, 2)).toEqual([
    '401, 407: the INVITE again with the next CSeq and the credentials of acme for realms sbc1, sbc2',
    "3xx: the number it names is dialled by the tenant's rules, 3 times at most (options.redirects)",
  ]);
  expect(lines.join()).not.toContain('422');
  expect(lines.join()).not.toContain('secret');
});

test('an emergency call goes on after every answer but that the called side will not have it', () => {
  expect(said({}, true).at(-1)).toBe(
    'other refusals than 486, 600, 603: the next route, since this is an emergency call',
  );
});
