import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { Carrier } from '../outbound/carrier.ts';
import { Phone } from '../outbound/phone.ts';
import { fieldOf, statusOf } from '../outbound/wire-message.ts';
import { acme, carrierTrunk } from '../world.ts';
import { NetworkParty } from './network-party.ts';

/** A carrier that writes numbers of its country without country code, and one whose numbers need work before they are anybody's. */
let engine: TestEngine;
let phone: Phone;
let carrier: Carrier;
let national: NetworkParty;
let odd: NetworkParty;

beforeAll(async () => {
  carrier = await Carrier.open();
  [national, odd] = [await NetworkParty.open(), await NetworkParty.open()];
  const password = Phone.PASSWORD;
  const tenants = [{ tenant: 'acme', didPool: '4930123400-4930123499' }];
  const rule = (trunk: string) => ({ name: trunk, trunk, dids: '4930123456', destination: { extension: '102' } });
  engine = await startEngine({
    provisioning: {
      tenants: [
        acme({
          outboundCallerId: '030123455',
          extensions: [
            { number: '101', password },
            { number: '102', password },
          ],
          outboundRules: [{ name: 'world', match: { prefixes: ['9'] }, routes: [{ trunk: 'out', strip: 1 }] }],
          inboundRules: [rule('national'), rule('odd')],
        }),
      ],
      trunks: [
        carrierTrunk(carrier.port, {
          id: '1',
          name: 'out',
          numberFormat: 'national 49',
          tenants,
          options: { verifyPort: true, callerIdOutsidePool: 'reject' },
        }),
        carrierTrunk(national.port, { id: '2', name: 'national', numberFormat: 'national 49', tenants }),
        carrierTrunk(odd.port, {
          id: '3',
          name: 'odd',
          tenants,
          inboundParameters: {
            normalize: {
              calledNumber: { strip: 3 },
              callerNumber: {
                replacePrefix: [
                  { from: '00', to: '+' },
                  { from: '0', to: '+49' },
                ],
              },
              callerDisplayName: { prepend: 'B: ' },
            },
          },
        }),
      ],
    },
    settings: { timers: { t1Ms: 50, attemptMs: 500, failedTargetMs: 0 } },
  });
  const sip = { address: '127.0.0.1', port: engine.port() };
  national.engine = sip;
  odd.engine = sip;
  phone = await Phone.open({ ...engine, ...sip });
  for (const user of ['101', '102']) await phone.register(user, 'acme.test');
});
afterAll(async () => {
  for (const each of [phone, carrier, national, odd]) each.close();
  await engine.stop();
});
beforeEach(() => {
  phone.answer = ['486 Busy Here'];
  phone.party.received.length = 0;
  carrier.take();
});

async function callIn(party: NetworkParty, called: string, from: string) {
  const status = statusOf(await party.call(called, { from }));
  const rung = phone.party.received.find(({ startLine }) => startLine.startsWith('INVITE '));
  return { status, from: rung === undefined ? '' : fieldOf(rung, 'From') };
}

test.each(['030123456', '30123456', '+4930123456', '004930123456'])(
  'numberFormat: %s is found in the one pool, and the phone sees who calls in E.164',
  async (called) => {
    const { status, from } = await callIn(national, called, '"Zoe" <sip:08912345678@carrier.example>');
    expect(status).toBe(486);
    expect(from).toMatch(/^"Zoe" <sip:\+498912345678@/);
  },
);

test('numberFormat: a national number outside the pool is nobody’s', async () => {
  expect((await callIn(national, '030999999', '<sip:1@carrier.example>')).status).toBe(404);
});

test.each([
  ['08912345678', '+498912345678'],
  ['00442079460001', '+442079460001'],
  ['15551112222', '15551112222'],
])('normalize: from %s the phone is called by %s; the code in front of the DID is gone', async (caller, shown) => {
  const { status, from } = await callIn(odd, '7774930123456', `"Zoe" <sip:${caller}@carrier.example>`);
  expect(status).toBe(486);
  expect(from).toContain(`"B: Zoe" <sip:${shown}@`);
});

test('numberFormat: a caller ID in the national form is in the pool and leaves as it was entered', async () => {
  await phone.call({ user: '101', domain: 'acme.test', dialled: '9030999888' });
  const [invite] = carrier.take();
  expect(invite?.startLine).toMatch(/^INVITE sip:030999888@/);
  expect(fieldOf(invite as never, 'From')).toContain('sip:030123455@');
});
