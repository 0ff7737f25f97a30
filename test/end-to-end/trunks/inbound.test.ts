import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { Carrier } from '../outbound/carrier.ts';
import { Phone } from '../outbound/phone.ts';
import { fieldOf, statusOf } from '../outbound/wire-message.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type InboundCall, NetworkParty } from './network-party.ts';

const TENANT = 'acme';
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
/** Open for a minute three days from now: closed, whatever the clock says. */
const CLOSED = { open: [{ days: [DAYS[(new Date().getUTCDay() + 3) % 7] as 'mon'], from: '12:00', to: '12:01' }] };
const ALWAYS = { open: [{ days: [...DAYS], from: '00:00', to: '24:00' }] };

describe('calls in from a trunk', () => {
  let engine: TestEngine;
  let phone: Phone;
  let carrier: Carrier;
  const parties: Record<'plain' | 'pcpid' | 'ruri' | 'diversion' | 'rpi', NetworkParty> = {} as never;

  beforeAll(async () => {
    carrier = await Carrier.open();
    for (const name of ['plain', 'pcpid', 'ruri', 'diversion', 'rpi'] as const)
      parties[name] = await NetworkParty.open();
    const password = Phone.PASSWORD;
    const trunk = (id: string, name: keyof typeof parties, inboundParameters: object) =>
      carrierTrunk(parties[name].port, { id, name, inboundParameters });
    const rule = (name: string, dids: string, destination: object, more: object = {}) => ({
      name,
      trunk: 'plain',
      dids,
      destination,
      ...more,
    });
    engine = await startEngine({
      provisioning: {
        tenants: [
          acme({
            extensions: [
              { number: '101', password },
              { number: '102', password },
              { number: '103', password },
              { number: '104', password, rejectAnonymousCallers: true },
              { number: '105', password, forward: { always: '915557770001' } },
              { number: '106', password, forward: { busy: '915557770002' } },
              { number: '107', password, forward: { noAnswer: '915557770003', noAnswerSeconds: 1 } },
              { number: '108', password, forward: { notRegistered: '915557770004' } },
            ],
            outboundRules: [{ name: 'world', match: { prefixes: ['9'] }, routes: [{ trunk: 'out', strip: 1 }] }],
            inboundRules: [
              rule('range', '14155550101-14155550108', { extensions: '101-108' }),
              rule('everybody', '14155550120', { extension: '101' }),
              rule('germans', '14155550120', { extension: '102' }, { callers: '49*********' }),
              rule('one', '14155550120', { extension: '103' }, { callers: '49301234567' }),
              rule(
                'closed',
                '14155550130',
                { extension: '101' },
                { hours: CLOSED, outsideHours: { extension: '102' } },
              ),
              rule('shut', '14155550131', { extension: '101' }, { hours: CLOSED }),
              rule(
                'feast',
                '14155550132',
                { extension: '101' },
                {
                  hours: ALWAYS,
                  outsideHours: { extension: '102' },
                  holidays: ['01-01/12-31'],
                  onHolidays: { extension: '103' },
                },
              ),
              rule('open', '14155550133', { extension: '101' }, { hours: ALWAYS, outsideHours: { extension: '102' } }),
              rule('outside', '14155550140', { number: '915557770000' }),
              rule('refused', '14155550150', { hangUp: true }),
              ...(['pcpid', 'ruri', 'diversion', 'rpi'] as const).map((name) => ({
                name,
                trunk: name,
                dids: '14155550102',
                destination: { extension: '102' },
              })),
            ],
          }),
        ],
        trunks: [
          carrierTrunk(carrier.port, {
            id: '1',
            name: 'out',
            options: { verifyPort: true, diversion: 'both' },
            outboundParameters: {
              from: { user: 'OriginatorCallerID', host: 'SipDomain' },
              pAssertedIdentity: { user: 'OutboundCallerId', host: 'TrunkHostPort' },
            },
          }),
          trunk('2', 'plain', {}),
          trunk('3', 'pcpid', { calledNumber: 'pCalledPartyId.user' }),
          trunk('4', 'ruri', { calledNumber: 'requestUri.user' }),
          trunk('5', 'diversion', { callerNumber: ['diversion.user', 'from.user'] }),
          trunk('6', 'rpi', {
            callerNumber: 'remotePartyIdCalling.user',
            callerDisplayName: 'remotePartyIdCalling.displayName',
          }),
        ],
      },
      settings: { timers: { t1Ms: 50, attemptMs: 500, failedTargetMs: 0 } },
    });
    const sip = { address: '127.0.0.1', port: engine.port() };
    for (const party of Object.values(parties)) party.engine = sip;
    phone = await Phone.open({ ...engine, ...sip });
    for (const user of ['101', '102', '103', '104', '106', '107']) await phone.register(user, 'acme.test');
  });
  afterAll(async () => {
    for (const each of [phone, carrier, ...Object.values(parties)]) each.close();
    await engine.stop();
  });
  beforeEach(() => {
    phone.answer = ['486 Busy Here'];
    phone.party.received.length = 0;
    carrier.take();
  });

  /** A call in: its final status, the phone's extension that was rung, and the INVITE it got. */
  async function call(from: keyof typeof parties, called: string, options: InboundCall = {}) {
    const status = statusOf(await parties[from].call(called, options));
    const rung = phone.party.received.find(({ startLine }) => startLine.startsWith('INVITE '));
    return { status, rung, extension: /^INVITE sip:([^@]*)@/.exec(rung?.startLine ?? '')?.[1] };
  }

  describe('inbound parameters', () => {
    test('default: the called number in To, the caller in From, as sent', async () => {
      const { extension, rung } = await call('plain', '14155550102', { requestUri: 'something' });
      expect(extension).toBe('102');
      expect(fieldOf(rung as never, 'From')).toMatch(/^"Caller" <sip:4930123456@/);
    });

    test('P-Called-Party-ID (RFC 7315 §5.2)', async () => {
      const headers = ['P-Called-Party-ID: <sip:+14155550102@carrier.example>'];
      expect((await call('pcpid', '999', { headers })).extension).toBe('102');
      expect((await call('pcpid', '14155550102')).status).toBe(404);
    });

    test('Request-URI', async () => {
      expect((await call('ruri', '999', { requestUri: '+14155550102' })).extension).toBe('102');
    });

    test('the caller from Diversion, else From', async () => {
      const headers = ['Diversion: <sip:+15551112222@carrier.example>;reason=unconditional'];
      const diverted = await call('diversion', '14155550102', { headers });
      expect(fieldOf(diverted.rung as never, 'From')).toContain('<sip:+15551112222@');
      phone.party.received.length = 0;
      const direct = await call('diversion', '14155550102');
      expect(fieldOf(direct.rung as never, 'From')).toContain('<sip:4930123456@');
    });

    test("number and name from the calling party's Remote-Party-ID", async () => {
      const headers = [
        'Remote-Party-ID: "Not" <sip:1@carrier.example>;party=called, "Real Name" <sip:15553334444@carrier.example>;party=calling',
      ];
      const { rung } = await call('rpi', '14155550102', { headers });
      expect(fieldOf(rung as never, 'From')).toMatch(/^"Real Name" <sip:15553334444@/);
    });
  });

  describe('inbound rules', () => {
    test.each(['101', '102', '103'])('a range goes to a range, one to one: …%s', async (extension) => {
      expect((await call('plain', `14155550${extension}`)).extension).toBe(extension);
    });

    test('+ and separators in the called number do not matter', async () => {
      const to = `<sip:+1-415-555-0103@127.0.0.1>`;
      expect((await call('plain', 'x', { to })).extension).toBe('103');
    });

    test.each([
      ['15550001111', '101'],
      ['49891234567', '102'],
      ['49301234567', '103'],
    ])('the most specific mask of callers wins: %s → %s', async (caller, extension) => {
      const from = `<sip:${caller}@carrier.example>`;
      expect((await call('plain', '14155550120', { from })).extension).toBe(extension);
    });

    test('outside its hours a rule goes elsewhere, or is refused with 480', async () => {
      expect((await call('plain', '14155550130')).extension).toBe('102');
      phone.party.received.length = 0;
      expect(await call('plain', '14155550131')).toMatchObject({ status: 480, extension: undefined });
    });

    test('a holiday comes before hours; inside its hours a rule is open', async () => {
      expect((await call('plain', '14155550132')).extension).toBe('103');
      phone.party.received.length = 0;
      expect((await call('plain', '14155550133')).extension).toBe('101');
    });

    test('hang up; no rule; a DID of nobody', async () => {
      expect((await call('plain', '14155550150')).status).toBe(603);
      expect((await call('plain', '14155550190')).status).toBe(404);
      expect((await call('plain', '14155559999')).status).toBe(404);
    });
  });

  describe('calls that leave again', () => {
    const sent = async (called: string, options: InboundCall = {}) => {
      const { status } = await call('plain', called, options);
      const [invite] = carrier.take();
      return { status, invite };
    };

    test('an outside destination: through the outbound pipeline, the caller as originator, the DID as who forwards', async () => {
      const { status, invite } = await sent('14155550140');
      expect(status).toBe(486);
      expect(invite?.startLine).toBe(`INVITE sip:15557770000@127.0.0.1:${carrier.port} SIP/2.0`);
      expect(fieldOf(invite as never, 'From')).toContain('<sip:4930123456@acme.test>');
      expect(fieldOf(invite as never, 'P-Asserted-Identity')).toContain('<sip:14155550100@');
      expect(fieldOf(invite as never, 'Diversion')).toContain('sip:14155550140@');
      expect(fieldOf(invite as never, 'History-Info')).toContain('sip:14155550140@');
    });

    test.each([
      ['always', '105', '15557770001', 'unconditional'],
      ['busy', '106', '15557770002', 'user-busy'],
      ['no answer', '107', '15557770003', 'no-answer'],
      ['not registered', '108', '15557770004', 'unavailable'],
    ])('forwarded %s', async (_when, extension, target, reason) => {
      if (extension === '107') phone.answer = ['180 Ringing'];
      const { invite } = await sent(`14155550${extension}`);
      expect(invite?.startLine).toContain(`INVITE sip:${target}@`);
      expect(fieldOf(invite as never, 'From')).toContain('<sip:4930123456@');
      expect(fieldOf(invite as never, 'Diversion')).toContain(`reason=${reason}`);
    });
  });

  test.each([
    ['an anonymous From', { from: '"Anonymous" <sip:anonymous@anonymous.invalid>' }],
    ['Privacy: id', { headers: ['Privacy: id'] }],
  ])(
    'RFC 5079: %s is refused with 433 where the extension wants no such callers, and rings elsewhere',
    async (_what, options) => {
      expect(await call('plain', '14155550104', options)).toMatchObject({ status: 433, extension: undefined });
      expect((await call('plain', '14155550102', options)).extension).toBe('102');
      phone.party.received.length = 0;
      expect((await call('plain', '14155550104')).extension).toBe('104');
    },
  );

  test('each call is in the records of its tenant, with trunk and rule', async () => {
    for (const called of ['14155550101', '14155550120']) await call('plain', called);
    const latest = async () => ((await engine.api('/api/v1/call-records?limit=2')) as { items: unknown[] }).items;
    const ofCall = { direction: 'inbound', tenant: TENANT, trunk: 'plain' };
    await expect.poll(latest).toMatchObject([
      { ...ofCall, calledNumber: '14155550120', inboundRule: 'everybody' },
      { ...ofCall, calledNumber: '14155550101', inboundRule: 'range' },
    ]);
  });
});
