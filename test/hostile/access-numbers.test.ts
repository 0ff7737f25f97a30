/** Another tenant's DID through every header, form and dial string: no such number leaves toward a carrier (behaviour 7). */
import { describe, expect, test } from 'vitest';
import { serialize } from '../../src/sip/message/index.ts';
import { type Agent, CARRIER_A, ENGINE, type Phone, SDP, World } from '../engine/world.ts';

/** Numbers of globex on the carrier that acme shares with it. */
const FOREIGN = '14155550200';
const forms = [
  FOREIGN,
  `+${FOREIGN}`,
  `00${FOREIGN}`,
  '+1-415-555-0200',
  '1(415)555.0200',
  '%2B14155550200',
  '1415%35550200',
  '1415%2D555%2D0200',
  '1%28415%29555%2E0200',
  '1415%205550200',
  `${FOREIGN};phone-context=+1`,
  `${FOREIGN};user=phone`,
] as const;

const uriForms: readonly ((user: string) => string)[] = [
  (user) => `<sip:${user}@acme.example.com>`,
  (user) => `<sip:${user}@${CARRIER_A}>`,
  (user) => `<tel:${user}>`,
  (user) => `"${FOREIGN}" <sips:${user}@acme.example.com;user=phone>`,
];

const headers = [
  'P-Preferred-Identity',
  'P-Asserted-Identity',
  'Remote-Party-ID',
  'P-Called-Party-ID',
  'Diversion',
  'History-Info',
  'Referred-By',
  'Reply-To',
  'Call-Info',
  'P-Charging-Vector',
  'P-Profile-Key',
  'X-Trunk-Name',
  'X-Session-Id',
  'X-CID',
  'Identity',
] as const;

const directives = [
  'rewrite-from',
  'rewrite-pai',
  'rewrite-rpi',
  'REWRITE-FROM',
  ' rewrite-from ',
  'trunk-id=100000001;rewrite-pai',
];

interface Stage {
  readonly world: World;
  readonly phone: Phone;
  readonly carrier: Agent;
}

async function begin(): Promise<Stage> {
  const world = await World.start({
    trunks: {
      'carrier-a': {
        outboundParameters: {
          pAssertedIdentity: { user: 'OutboundCallerId', host: 'TrunkHostPort' },
          pPreferredIdentity: { user: 'OriginatorCallerID', host: 'TrunkHostPort' },
          remotePartyIdCalling: { user: 'OutboundCallerIdAndOriginatorCallerID', host: 'TrunkHostPort' },
        },
        options: { diversion: 'both' },
      },
    },
  });
  return { world, phone: world.phone('101', '203.0.113.1'), carrier: world.agent(CARRIER_A) };
}

/** Digits of every number in a text, without what separates them. */
function digitsIn(text: string): string {
  return text
    .replaceAll(/%2B/gi, '')
    .replaceAll(/%([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/[^0-9\n]/g, '');
}

/** Plays a call, which the carrier refuses, and gives what the carrier got for it. */
function sentFor({ world, phone, carrier }: Stage, called: string, fields: Record<string, string>): string[] {
  const before = carrier.requests('INVITE').length;
  const invite = phone.call(called, fields);
  const sent = carrier.requests('INVITE').slice(before);
  for (const request of sent) carrier.answer(request, 486, 'Busy Here');
  world.run(20);
  phone.final(invite);
  carrier.peer.received.length = 0;
  return sent.map((request) => serialize(request));
}

describe("another tenant's DID", () => {
  test.each(headers)('in %s, in every form, is in no octet that the carrier gets', async (header) => {
    const stage = await begin();
    let calls = 0;
    for (const form of forms) {
      for (const uri of uriForms) {
        const sent = sentFor(stage, '18005550199', { [header]: uri(form) });
        calls += sent.length;
        for (const text of sent) expect(digitsIn(text), `${header}: ${uri(form)}`).not.toContain(FOREIGN);
      }
    }
    expect(calls).toBe(forms.length * uriForms.length);
    expect(stage.world.held().uncaught).toBe(0);
  });

  test.each(directives)(
    'in X-Outbound-Cli %s, in every form, is in no octet that the carrier gets',
    async (directive) => {
      const stage = await begin();
      let calls = 0;
      for (const form of forms) {
        const value = form.replaceAll(';', '%3B');
        const sent = sentFor(stage, '18005550199', { 'X-Outbound-Cli': `${directive}=${value}` });
        calls += sent.length;
        for (const text of sent) {
          expect(digitsIn(text), value).not.toContain(FOREIGN);
          expect(text.toLowerCase()).not.toContain('x-outbound-cli');
        }
      }
      expect(calls).toBe(forms.length);
    },
  );

  test.each(forms)('in From as user, display name and Contact: %s', async (form) => {
    const stage = await begin();
    for (const from of [
      `<sip:${form}@acme.example.com>;tag=1`,
      `"${FOREIGN}" <sip:101@acme.example.com>;tag=1`,
      `<tel:${form}>;tag=1`,
      `"+${FOREIGN}" <sip:${form}@${CARRIER_A}>;tag=1`,
    ]) {
      for (const text of sentFor(stage, '18005550199', { From: from, Contact: `<sip:${form}@203.0.113.1>` })) {
        const withoutName = text.replace(/^From: "[^"]*"/m, 'From:');
        expect(digitsIn(withoutName), from).not.toContain(FOREIGN);
      }
    }
  });

  test.each(forms)(
    'in a field that the tenant relays is in no answer or request within a call that the carrier gets: %s',
    async (form) => {
      const headers = { relay: { trunk: ['X-Account'] } };
      const world = await World.start({ acme: { headers } });
      const [phone, carrier] = [world.phone('101', '203.0.113.1'), world.agent(CARRIER_A)];
      // Each message is told of once, however often it says so.
      const told = { 'X-Account': [`<sip:${form}@x>`, 'mine', `<sip:${form}@y>`] };
      const invite = carrier.request('INVITE', `sip:14155550100@${ENGINE}`, {}, SDP);
      carrier.sends(invite);
      const rung = phone.took('INVITE');
      phone.answer(rung, 180, 'Ringing', told);
      phone.answers(rung, 200, 'OK', told, SDP);
      const [answer] = carrier.responses(invite.callId()).filter(({ status }) => status === 200);
      if (answer === undefined) throw new Error('not answered');
      carrier.ack(invite, answer);
      const asked = carrier.within(invite, answer, 'INFO');
      carrier.sends(asked);
      phone.answer(phone.took('INFO'), 200, 'OK', told);
      for (const [index, method] of ['INFO', 'INVITE'].entries())
        phone.send(phone.withinOf(rung, method, { ...told, CSeq: `${index + 1} ${method}` }));
      world.run();
      const within = carrier.messages().filter(({ headers }) => headers.hasNamed('X-Account'));
      for (const message of within) {
        expect(message.headers.fieldValuesNamed('X-Account')).toEqual(['mine']);
        expect(digitsIn(serialize(message))).not.toContain(FOREIGN);
      }
      const kinds = within.map((message) => ('status' in message ? message.status : message.method));
      expect([...new Set(kinds)]).toEqual([180, 200, 'INFO', 'INVITE']);
      expect(
        world.observed.kept.map(({ kind, source, tenant, extension }) => [kind, source, tenant, extension]),
      ).toEqual(within.map(() => ['foreign-number-blocked', 'X-Account', 'acme', '101']));
      // A refusal, too.
      const refused = carrier.request('INVITE', `sip:14155550102@${ENGINE}`, {}, SDP);
      const desk = world.phone('102', '203.0.113.2');
      carrier.sends(refused);
      desk.answers(desk.took('INVITE'), 486, 'Busy Here', told);
      const final = carrier.responses(refused.callId()).at(-1);
      expect([final?.status, final?.headers.fieldValuesNamed('X-Account')]).toEqual([486, ['mine']]);
    },
  );

  test('as own caller ID by dial code is not stored', async () => {
    const stage = await begin();
    for (const form of [FOREIGN, `+${FOREIGN}`, `00${FOREIGN}`]) {
      const final = stage.phone.final(stage.phone.call(`*64${form}`));
      expect(final?.status).toBeGreaterThanOrEqual(400);
      expect(final?.reason).toContain('not set');
    }
    expect(stage.world.settings).toEqual([]);
  });

  test.each([
    ['any number for one of its own', { normalize: { calledNumber: { strip: 40, prepend: '4930100' } } }],
    ['every number, with one digit more', { normalize: { calledNumber: { prepend: '9' } } }],
    ['the caller’s number', { calledNumber: 'from.user' as const }],
  ])(
    'that is called is not taken by a trunk which claims the carrier’s address and reads %s',
    async (_what, reading) => {
      const carrier = '203.0.113.77';
      const own = (name: string, owner: string, didPool: string, more: object) => ({
        ...{ id: name === 'victim' ? '71' : '70', name, owner, didPool, ...more },
        ...{ type: 'register' as const, credentials: { authName: name, password: 'p' } },
        options: { registration: 'off' as const, keepAlive: { enabled: false } },
      });
      const rule = (trunk: string, dids: string) => ({ name: trunk, trunk, dids, destination: { extension: '101' } });
      const world = await World.start({
        acme: { inboundRules: [rule('victim', '14155559999')] },
        globex: { inboundRules: [rule('thief', '4930100')] },
        moreTrunks: [
          own('thief', 'globex', '4930100;914155559999;493022', {
            ...{ host: 'elsewhere.example', associatedIps: [carrier], inboundParameters: reading },
          }),
          own('victim', 'acme', '14155559999', { host: carrier }),
        ],
      });
      const phones = [
        world.phone('101', '203.0.113.1'),
        world.phone('101', '203.0.113.50', { domain: 'globex.example.com', password: 'c4n4ry-globex' }),
      ];
      const peer = world.agent(carrier);
      for (const called of ['14155559999', '+14155559999', '0014155559999']) {
        const from = `<sip:493022@${carrier}>;tag=${called}`;
        peer.sends(peer.request('INVITE', `sip:${called}@198.51.100.1`, { From: from }, SDP));
      }
      expect(phones.map((phone) => phone.requests('INVITE').length)).toEqual([3, 0]);
    },
  );

  test('called is a number like any other', async () => {
    const stage = await begin();
    const [text] = sentFor(stage, FOREIGN, {});
    expect(text).toMatch(new RegExp(`^INVITE sip:${FOREIGN}@`));
  });
});
