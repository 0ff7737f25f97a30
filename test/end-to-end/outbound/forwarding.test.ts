import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TenantInput } from '../../outbound/world.ts';
import { acme, DOMAIN, localTrunk } from './local-trunk.ts';
import { Phone } from './phone.ts';
import { fieldOf, valuesOf, type WireMessage } from './wire-message.ts';
import { startWorld, type World } from './wire-world.ts';

let world: World;
let bob: Phone;
beforeAll(async () => {
  world = await startWorld();
  bob = await Phone.open(world.sip);
});
afterAll(async () => {
  await world.stop();
  bob.close();
});

const OUTSIDE = '88888888';
type Extension = NonNullable<TenantInput['extensions']>[number];
const alice = (changes: Partial<Extension>): Extension => ({
  number: '101',
  name: 'Alice',
  outboundCallerId: '14155550101',
  ...changes,
});
const bobs = (changes: Partial<Extension>): Extension => ({
  number: '102',
  name: 'Bob',
  outboundCallerId: '14155550102',
  ...changes,
});

/** A caller from outside calls the main number; the INVITE that goes out again. */
async function calledFromOutside(from = '"Zoe" <sip:+4930123456@carrier.example>', headers: string[] = []) {
  world.carrier.take();
  const zoe = new Phone(world.carrier.party, world.sip);
  const placed = await zoe.call({ user: 'zoe', domain: '127.0.0.1', dialled: '14155550110', from, headers });
  return { placed, invite: world.carrier.take()[0] as WireMessage };
}

const tagless = (value: string) => value.replace(/;tag=[^;]+/, '');

describe('an extension that forwards calls to the outside', () => {
  const parameters = { from: [{ when: 'forwarded' as const, user: 'OriginatorCallerID' as const }, {}] };

  test.each([
    ['always', { always: OUTSIDE }, 'unconditional', 302, undefined],
    ['busy', { busy: OUTSIDE }, 'user-busy', 486, '486 Busy Here'],
    ['no answer', { noAnswer: OUTSIDE }, 'no-answer', 408, '480 Temporarily Unavailable'],
    ['not registered', { notRegistered: OUTSIDE }, 'unavailable', 503, 'none'],
  ] as const)(
    '%s: the original caller, Diversion (RFC 5806) and History-Info (RFC 7044)',
    async (_, forward, reason, cause, answer) => {
      // Another domain for the phone that is not there: what was registered before does not count.
      const domain = answer === 'none' ? 'empty.portsip.io' : DOMAIN;
      const trunk = localTrunk(world, { outboundParameters: parameters, options: { diversion: 'both' } });
      await world.hold([acme({ domain, extensions: [alice({ forward })] })], [trunk]);
      if (answer !== undefined && answer !== 'none') {
        world.phone.answer = [answer];
        expect((await world.phone.register('101', domain)).status).toBe(200);
      }
      const { placed, invite } = await calledFromOutside();
      expect(placed.status).toBe(486);
      const target = `127.0.0.1:${world.carrier.port}`;
      expect(invite.startLine).toBe(`INVITE sip:${OUTSIDE}@${target} SIP/2.0`);
      expect(tagless(fieldOf(invite, 'From'))).toBe(`"Zoe" <sip:+4930123456@${domain}>`);
      expect(valuesOf(invite, 'Diversion')).toEqual([`<sip:14155550110@${domain}>;reason=${reason};counter=1`]);
      expect(valuesOf(invite, 'History-Info')).toEqual([
        `<sip:14155550110@${domain}>;index=1`,
        `<sip:${OUTSIDE}@${target};cause=${cause}>;index=1.1;mp=1`,
      ]);
    },
  );

  test('by default the forwarder is shown and nothing is said of forwarding', async () => {
    await world.hold([acme({ extensions: [alice({ forward: { always: OUTSIDE } })] })], [localTrunk(world)]);
    const { invite } = await calledFromOutside();
    expect(tagless(fieldOf(invite, 'From'))).toBe(`"Zoe" <sip:14155550101@${DOMAIN}>`);
    expect([...valuesOf(invite, 'Diversion'), ...valuesOf(invite, 'History-Info')]).toEqual([]);
  });

  test('forwarded twice: the rules and the caller ID of the last one, both named, the latest first', async () => {
    const extensions = [alice({ forward: { busy: '102' } }), bobs({ forward: { always: OUTSIDE } })];
    await world.hold([acme({ extensions })], [localTrunk(world, { options: { diversion: 'diversion' } })]);
    world.phone.answer = ['486 Busy Here'];
    await world.phone.register('101', DOMAIN);
    const { invite } = await calledFromOutside();
    expect(tagless(fieldOf(invite, 'From'))).toBe(`"Zoe" <sip:14155550102@${DOMAIN}>`);
    expect(valuesOf(invite, 'Diversion')).toEqual([
      `<sip:14155550102@${DOMAIN}>;reason=unconditional;counter=1`,
      `<sip:14155550110@${DOMAIN}>;reason=user-busy;counter=1`,
    ]);
  });

  test.each([
    [
      'Diversion',
      [
        'Diversion: "Desk" <sip:+1-212-555-0002@b.example;user=phone>;reason="no-answer";counter=3;screen=no',
        'Diversion: <tel:+12125550001>;reason=away, <sip:reception@c.example>;reason=unconditional',
        'Diversion: <sip:+12125550009@c.example>;reason=unconditional;privacy=full',
      ],
      ['unknown', 404, 1, 'no-answer', 408, 3],
    ],
    [
      'History-Info',
      [
        'History-Info: <sip:+12125550008@b.example?Privacy=history>;index=1, <sip:+12125550001@b.example;cause=302>;index=1.1',
        'History-Info: <sip:+12125550002@b.example;cause=486>;index=1.1.1,<sip:14155550110@b.example;cause=302>;index=1.1.1.1',
      ],
      ['user-busy', 486, 1, 'unconditional', 302, 1],
    ],
  ] as const)(
    'who sent it on before it came in stays named, as %s told it',
    async (_field, headers, [reason, cause, count, lastReason, lastCause, lastCount]) => {
      const trunk = localTrunk(world, { options: { diversion: 'both' } });
      await world.hold([acme({ extensions: [alice({ forward: { always: OUTSIDE } })] })], [trunk]);
      const { invite } = await calledFromOutside(undefined, [...headers]);
      expect(valuesOf(invite, 'Diversion')).toEqual([
        `<sip:14155550110@${DOMAIN}>;reason=unconditional;counter=1`,
        `<sip:+12125550002@${DOMAIN}>;reason=${lastReason};counter=${lastCount}`,
        `<sip:+12125550001@${DOMAIN}>;reason=${reason};counter=${count}`,
      ]);
      expect(valuesOf(invite, 'History-Info')).toEqual([
        `<sip:+12125550001@${DOMAIN}>;index=1`,
        `<sip:+12125550002@${DOMAIN};cause=${cause}>;index=1.1;mp=1`,
        `<sip:14155550110@${DOMAIN};cause=${lastCause}>;index=1.1.1;mp=1.1`,
        `<sip:${OUTSIDE}@127.0.0.1:${world.carrier.port};cause=302>;index=1.1.1.1;mp=1.1.1`,
      ]);
    },
  );

  test.each([
    ['the number that was called', {}, 'Diversion: <sip:+14155550110@c.example>;reason=unconditional'],
    ['whom a trunk names that is not trusted', { trusted: false }, 'Diversion: <sip:+12125550001@c.example>'],
    ['garbage', {}, 'Diversion: <<>>;;, , <sip:@>'],
  ])('%s is not named again', async (_what, options, header) => {
    const trunk = localTrunk(world, { options: { diversion: 'diversion', ...options } });
    await world.hold([acme({ extensions: [alice({ forward: { always: OUTSIDE } })] })], [trunk]);
    const { invite } = await calledFromOutside(undefined, [header]);
    expect(valuesOf(invite, 'Diversion')).toEqual([`<sip:14155550110@${DOMAIN}>;reason=unconditional;counter=1`]);
  });

  test('a forwarded caller who is anonymous stays so: no digit, no name, no trail', async () => {
    const trunk = localTrunk(world, { outboundParameters: parameters, options: { diversion: 'both' } });
    await world.hold([acme({ extensions: [alice({ forward: { always: OUTSIDE } })] })], [trunk]);
    const { invite } = await calledFromOutside('"Anonymous" <sip:anonymous@anonymous.invalid>', [
      'P-Asserted-Identity: "Zoe" <sip:+4930123456@carrier.example>',
      'Privacy: id',
      'Diversion: <sip:+12125550001@c.example>;reason=unconditional',
    ]);
    expect(invite.text).not.toContain('2125550001');
    expect(tagless(fieldOf(invite, 'From'))).toBe('"Anonymous" <sip:anonymous@anonymous.invalid>');
    expect(invite.text).not.toMatch(/4930123456|Zoe|1415555|Alice/);
    expect([...valuesOf(invite, 'Diversion'), ...valuesOf(invite, 'History-Info')]).toEqual([]);
  });

  test.each([
    ['by a setting', { anonymousCalls: true }, '102', []],
    ['by a dial code', {}, '*67102', []],
    ['by a header', {}, '102', ['Privacy: id']],
  ] as const)(
    'a colleague who calls anonymously %s stays so when forwarded outside',
    async (_, changes, dialled, headers) => {
      const extensions = [alice(changes), bobs({ forward: { always: OUTSIDE } })];
      await world.hold([acme({ extensions })], [localTrunk(world, { options: { diversion: 'both' } })]);
      world.carrier.take();
      await world.phone.call({ user: '101', domain: DOMAIN, dialled, headers, from: `"Alice" <sip:101@${DOMAIN}>` });
      const [invite] = world.carrier.take();
      expect(tagless(fieldOf(invite as WireMessage, 'From'))).toBe('"Anonymous" <sip:anonymous@anonymous.invalid>');
      expect(invite?.text).not.toMatch(/Alice|\b101\b|14155550101/);
    },
  );

  test('a forward to the number it came from ends with 482, and none goes to the trunk', async () => {
    await world.hold([acme({ extensions: [alice({ forward: { always: '+14155550110' } })] })], [localTrunk(world)]);
    const { placed, invite } = await calledFromOutside();
    expect([placed.status, invite]).toEqual([482, undefined]);
  });

  test('X-Outbound-Cli of the caller says nothing on a forwarded call', async () => {
    await world.hold([acme({ extensions: [alice({ forward: { always: OUTSIDE } })] })], [localTrunk(world)]);
    const { invite } = await calledFromOutside(undefined, ['X-Outbound-Cli: rewrite-from=14155550150']);
    expect(invite.text).not.toContain('14155550150');
  });
});

describe('an inbound rule with an outside number', () => {
  test('goes out with the company caller ID', async () => {
    const inboundRules = [{ name: 'm', trunk: 'CallCentric', dids: '14155550110', destination: { number: OUTSIDE } }];
    await world.hold([acme({ inboundRules })], [localTrunk(world, { options: { diversion: 'diversion' } })]);
    const { invite } = await calledFromOutside();
    expect(tagless(fieldOf(invite, 'From'))).toBe(`"Zoe" <sip:14155550105@${DOMAIN}>`);
    expect(valuesOf(invite, 'Diversion')).toEqual([`<sip:14155550110@${DOMAIN}>;reason=unconditional;counter=1`]);
  });
});
