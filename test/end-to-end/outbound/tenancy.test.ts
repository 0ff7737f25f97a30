import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { B_NUMBER, CHANNELS, callOf, FORMS, MAPPINGS, numbersOfB, PROVIDERS } from '../../outbound/tenancy-matrix.ts';
import { place } from './guide-calls.ts';
import { acme, localTrunk } from './local-trunk.ts';
import { Phone } from './phone.ts';
import { startWorld, type World } from './wire-world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** A sample of the matrix: every channel in every form, providers and mappings in turn. */
const ROUNDS = 3;
/** What brings a number by forwarding needs a call that is forwarded; below. */
const channels = Object.entries(CHANNELS).filter(([, channel]) => channel(B_NUMBER).call?.forwarding === undefined);

describe("no number of tenant B in any octet sent for tenant A's calls", () => {
  const figures = { combinations: 0, sent: 0, refused: 0 };

  test.each(channels)('%s', async (_, channel) => {
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, form] of FORMS(B_NUMBER).entries()) {
        const turn = figures.combinations++;
        const provider = PROVIDERS[(turn + round) % PROVIDERS.length] ?? 'same-trunk';
        const mapping = MAPPINGS[(turn + index + round) % MAPPINGS.length] ?? 'default';
        const setup = channel(form);
        try {
          await place(world, callOf(provider, mapping, setup));
        } catch (error) {
          // What provisioning refuses cannot be sent; anything else is a fault.
          expect(String(error)).toMatch(/refused|invalid|must be/i);
          figures.refused++;
          continue;
        }
        const octets = [...world.carrier.take(), ...world.proxy.take()].map(({ text }) => text).join('\n');
        if (octets !== '') figures.sent++;
        expect(numbersOfB(octets), `${form}, ${provider}, ${mapping}\n${octets}`).toEqual([]);
      }
    }
  });

  test('the sample is as large as it should be, and most of it was sent', () => {
    expect(figures.combinations).toBeGreaterThanOrEqual(400);
    // 308 where there is time for all of it.
    expect(figures.sent, JSON.stringify(figures)).toBeGreaterThan(figures.combinations / 2);
  });
});

describe('nor on a call that is forwarded', () => {
  test.each(FORMS(B_NUMBER))('as the number or the name of the caller: %s', async (form) => {
    const forward = { always: '88888888' };
    const trunk = localTrunk(world, {
      options: { diversion: 'both' },
      outboundParameters: { from: { user: 'OriginatorCallerID' }, pAssertedIdentity: { user: 'OriginatorCallerID' } },
      tenants: [
        { tenant: 'acme', didPool: '14155550100-14155550199' },
        { tenant: 'b', didPool: '14155550200-14155550299' },
      ],
    });
    const tenants = [acme({ extensions: [{ number: '101', forward }] }), { name: 'b', domain: 'b.example' }];
    await world.hold(tenants, [trunk]);
    world.carrier.take();
    const caller = new Phone(world.carrier.party, world.sip);
    const number = form.replaceAll(/[ ()-]/g, '');
    const from = `"${form}" <sip:${number}@carrier.example>`;
    const placed = await caller.call({ user: number, domain: '127.0.0.1', dialled: '14155550110', from });
    const [invite] = world.carrier.take();
    expect(placed.status).toBe(486);
    expect(numbersOfB(invite?.text ?? form)).toEqual([]);
  });
});
