import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { acme, DOMAIN, localTrunk } from './local-trunk.ts';
import { fieldOf, type WireMessage } from './wire-message.ts';
import { startWorld, type World } from './wire-world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
beforeEach(() => world.hold([acme()], [localTrunk(world)]));
afterAll(() => world.stop());

/** What extension 101 dials: status and reason that it gets, and the INVITE that left. */
async function dial(dialled: string, user = '101') {
  world.carrier.take();
  const { status, reason } = await world.phone.call({ user, domain: DOMAIN, dialled });
  const [invite] = world.carrier.take();
  const from = invite === undefined ? undefined : fieldOf(invite, 'From').replace(/;tag=.*/, '');
  return { status, reason, invite: invite as WireMessage, from };
}

const SHOWN = `"Alice" <sip:14155550101@${DOMAIN}>`;
const HIDDEN = '"Anonymous" <sip:anonymous@anonymous.invalid>';

describe('dial codes for one call', () => {
  test.each(['*67', '*52'])('%s hides the caller on this call only', async (code) => {
    const { invite, from } = await dial(`${code}88888888`);
    expect(invite.startLine).toBe(`INVITE sip:88888888@127.0.0.1:${world.carrier.port} SIP/2.0`);
    expect(from).toBe(HIDDEN);
    expect(invite.text).not.toMatch(/14155550101|Alice|sip:101@/);
    expect((await dial('88888888')).from).toBe(SHOWN);
  });

  test.each(['*65', '*62'])('%s shows a caller who always calls anonymously', async (code) => {
    const extensions = [{ number: '101', name: 'Alice', outboundCallerId: '14155550101', anonymousCalls: true }];
    await world.hold([acme({ extensions })], [localTrunk(world)]);
    expect((await dial('88888888')).from).toBe(HIDDEN);
    expect((await dial(`${code}88888888`)).from).toBe(SHOWN);
  });

  test('a code without a number is incomplete', async () => {
    expect(await dial('*67')).toMatchObject({ status: 484, invite: undefined });
  });
});

describe('dial codes that store a setting end with a final response that says so, and place no call', () => {
  test.each([
    ['*31', '*32', 'Caller ID is blocked from now on', 'Caller ID is delivered from now on'],
    ['*76', '*86', 'Calls are anonymous from now on', 'Calls are not anonymous from now on'],
  ])('%s and %s', async (on, off, onReason, offReason) => {
    expect(await dial(on)).toMatchObject({ status: 480, reason: onReason, invite: undefined });
    expect((await dial('88888888')).from).toBe(HIDDEN);
    expect(await dial(off)).toMatchObject({ status: 480, reason: offReason, invite: undefined });
    expect((await dial('88888888')).from).toBe(SHOWN);
  });

  test('*64n sets the own caller ID, when it is in a pool', async () => {
    expect(await dial('*64+14155550177')).toMatchObject({
      status: 480,
      reason: 'Outbound caller ID is +14155550177 from now on',
      invite: undefined,
    });
    expect((await dial('88888888')).from).toBe(`"Alice" <sip:+14155550177@${DOMAIN}>`);
    expect(await dial('*6416505550000')).toMatchObject({
      status: 403,
      reason: expect.stringContaining('not in a DID pool'),
    });
    expect((await dial('88888888')).from).toBe(`"Alice" <sip:+14155550177@${DOMAIN}>`);
  });

  test('*77 refuses anonymous callers (RFC 5079), *87 takes them again', async () => {
    await dial('*77', '102');
    expect((await dial('*67102')).status).toBe(433);
    expect((await dial('102')).status).toBe(480);
    await dial('*87', '102');
    expect((await dial('*67102')).status).toBe(480);
  });

  test('a code that is switched off is dialled as it stands', async () => {
    await world.hold([acme({ dialCodes: { blockCallerId: null } })], [localTrunk(world)]);
    expect((await dial('*6788888888')).invite.startLine).toContain('INVITE sip:*6788888888@');
  });
});

describe('number processing', () => {
  const numberProcessing = {
    countryCode: '44',
    areaCode: '31',
    internationalCode: '00',
    nationalCode: '11',
    prefix: '22',
    dropSameAreaCode: true,
  };

  test.each([
    ['+4431867762', '2211867762'],
    ['+44(31) 867762', '2211867762'],
    ['867762', '867762'],
  ])('%s goes out as %s', async (dialled, sent) => {
    await world.hold([acme({ numberProcessing })], [localTrunk(world)]);
    expect((await dial(dialled)).invite.startLine).toBe(`INVITE sip:${sent}@127.0.0.1:${world.carrier.port} SIP/2.0`);
  });

  test('+3312345678 goes out as 003312345678, and removePlus and prepend act after it', async () => {
    await world.hold([acme({ numberProcessing: { ...numberProcessing, prefix: '' } })], [localTrunk(world)]);
    expect((await dial('+3312345678')).invite.startLine).toContain('INVITE sip:003312345678@');
    const outboundRules = [
      { name: 'w', match: { prefixes: ['00'] }, routes: [{ trunk: 'CallCentric', strip: 2, prepend: '+' }] },
    ];
    await world.hold(
      [acme({ numberProcessing: { ...numberProcessing, prefix: '' }, outboundRules })],
      [localTrunk(world, { options: { removePlus: true } })],
    );
    expect((await dial('+3312345678')).invite.startLine).toContain('INVITE sip:3312345678@');
  });

  test('a class that is barred is refused with 403', async () => {
    await world.hold(
      [acme({ numberProcessing, limits: { barred: { classes: ['international'] } } })],
      [localTrunk(world)],
    );
    expect(await dial('+3312345678')).toMatchObject({ status: 403, invite: undefined });
    expect((await dial('+4431867762')).status).toBe(486);
  });
});
