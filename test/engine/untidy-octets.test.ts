/**
 * Whole calls in which a header field of what the peers send holds octets that nobody should write: the field may be cleaned or left
 * out, and the message does what it does without it. Set TANDEM_UNTIDY_RUNS for a longer run.
 */
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { SipRequest, SipResponse } from '../../src/sip/message/index.ts';
import {
  type Agent,
  CARRIER_A,
  CARRIER_B,
  ENGINE,
  PASSWORD,
  type Phone,
  SDP,
  World,
  type WorldOptions,
} from './world.ts';

/** Any octet may stand here in RFC 3261's text or quoted string, or ends up there in the field. */
const ODD = [
  '\xe9',
  '\xff\xfe',
  '\xc3',
  '\xed\xa0\x80',
  '\x01',
  '\x0b\x1b',
  '\x7f',
  '\t',
  '\\\0',
  '\\\x01',
  '\r\n ',
  '\u0085',
];
/** What could end a line or a text for another reader. */
const STRAY = ['\0', '\n', '\r', '\n\n', 'x\nVia: SIP/2.0/UDP evil', '\0\0', '\rP-Asserted-Identity: <sip:evil@evil>'];

/** How a field that is not there is written, around the octets. */
const FIELDS: Readonly<Record<string, (dirt: string) => string>> = {
  Contact: (dirt) => `"${dirt}" <sip:peer@192.0.2.99>`,
  'P-Asserted-Identity': (dirt) => `"A ${dirt}" <sip:+442079460001@carrier.example>`,
  'P-Preferred-Identity': (dirt) => `"A ${dirt}" <sip:14155550101@acme.example.com>`,
  'Remote-Party-ID': (dirt) => `"A ${dirt}" <sip:+442079460001@carrier.example>;party=called`,
  'P-Called-Party-ID': (dirt) => `"A ${dirt}" <sip:14155550100@acme.example.com>`,
  Diversion: (dirt) => `"A ${dirt}" <sip:+442079460009@carrier.example>;reason=user-busy`,
  'History-Info': (dirt) => `"A ${dirt}" <sip:+442079460009@carrier.example>;index=1`,
  'Referred-By': (dirt) => `"A ${dirt}" <sip:101@acme.example.com>`,
  'Reply-To': (dirt) => `"A ${dirt}" <sip:101@acme.example.com>`,
  Reason: (dirt) => `Q.850;cause=16;text="A ${dirt}"`,
  Warning: (dirt) => `399 host "A ${dirt}"`,
  'Alert-Info': (dirt) => `<http://host/ring>;info="A ${dirt}"`,
  'Error-Info': (dirt) => `<sip:error@host>;info="A ${dirt}"`,
  'Call-Info': (dirt) => `<http://host/pic>;info="A ${dirt}"`,
  Subject: (dirt) => `A ${dirt} b`,
  Organization: (dirt) => `A ${dirt} b`,
  'User-Agent': (dirt) => `A ${dirt} b`,
  Server: (dirt) => `A ${dirt} b`,
  'X-Note': (dirt) => `A ${dirt} b`,
  'User-to-User': (dirt) => `56a390${dirt};encoding=hex`,
  'P-Early-Media': (dirt) => `sendrecv;x="${dirt}"`,
  Date: (dirt) => `Sat, 28 Nov 2026 ${dirt}`,
  Timestamp: (dirt) => `54 ${dirt}`,
  'Session-ID': (dirt) => `ab30317f1a784dc48ff824d0d3715d86${dirt}`,
  'Allow-Events': (dirt) => `talk, ${dirt}`,
  'Accept-Language': (dirt) => `en;q="${dirt}"`,
  'Content-Disposition': (dirt) => `session;handling="optional${dirt}"`,
  'Content-Language': (dirt) => `en${dirt}`,
  'P-Charging-Vector': (dirt) => `icid-value="${dirt}"`,
};

interface Soil {
  readonly field: string;
  readonly dirt: string;
  /** Which messages: a method, or a method and a class of answers to it. */
  readonly to: string;
}

const kindOf = (text: string): string => {
  const method = /^CSeq: \d+ (\w+)/im.exec(text)?.[1] ?? '';
  return text.startsWith('SIP/2.0 ') ? `${method} ${text[8]}xx` : method;
};

/** The text with the octets in the field: in the display name of an address that is there, else in a new field. */
function soiled(text: string, { field, dirt, to }: Soil): string {
  if (kindOf(text) !== to) return text;
  const end = text.indexOf('\r\n\r\n');
  const [head, body] = [text.slice(0, end), text.slice(end)];
  if (field === 'phrase')
    return text.startsWith('SIP/2.0 ')
      ? head.replace(/ (\d+) [^\r]*/, (_, status) => ` ${status} A ${dirt}`) + body
      : text;
  const here = new RegExp(`^${field}: (?=<)`, 'm');
  if (here.test(head)) return head.replace(here, () => `${field}: "A ${dirt}" `) + body;
  const write = FIELDS[field];
  return write === undefined || new RegExp(`^${field}:`, 'm').test(head)
    ? text
    : `${head}\r\n${field}: ${write(dirt)}${body}`;
}

const CLEAN: Soil = { field: '', dirt: '', to: '' };

interface Peers {
  readonly world: World;
  readonly alice: Phone;
  readonly bob: Phone;
  readonly carrier: Agent;
  readonly other: Agent;
}
interface Scenario {
  readonly options?: WorldOptions;
  play(peers: Peers): void;
}

const RELIABLE = { Require: '100rel', RSeq: '7' };

/** The party that asked gets its answer and acknowledges it. */
function answered(phone: Phone, invite: SipRequest): SipResponse | undefined {
  const final = phone.final(invite);
  phone.world.run();
  return final;
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'a call out, and what is asked within': {
    play({ alice, carrier }) {
      const invite = alice.call('18005550199', {
        Supported: '100rel',
        Allow: 'INVITE, ACK, BYE, CANCEL, UPDATE, INFO, PRACK',
      });
      const sent = carrier.requests('INVITE')[0];
      if (sent === undefined) return;
      carrier.answer(sent, 100, 'Trying');
      carrier.answer(sent, 180, 'Ringing');
      carrier.answers(sent, 183, 'Progress', RELIABLE, SDP);
      const early = alice.responses(invite.callId()).find(({ status }) => status === 183);
      if (early !== undefined)
        alice.ask(
          alice.within(invite, early, 'PRACK', {
            RAck: `${early.headers.valueNamed('RSeq')} ${invite.cseq().sequence} INVITE`,
          }),
        );
      const prack = carrier.requests('PRACK')[0];
      if (prack !== undefined) carrier.answer(prack, 200, 'OK', { Contact: undefined });
      carrier.answer(sent, 200, 'OK', { Allow: 'INVITE, ACK, BYE, UPDATE, INFO' }, SDP);
      const final = answered(alice, invite);
      if (final === undefined) return;
      const within = (method: string, step: number, fields = {}, body = '') => {
        const request = alice.within(invite, final, method, {
          CSeq: `${50 + step} ${method}`,
          Contact: `<sip:${alice.host}>`,
          ...fields,
        });
        request.body = body;
        alice.sends(request);
        const relayed = carrier.requests(method).at(-1);
        if (relayed !== undefined) carrier.answer(relayed, 200, 'OK', {}, method === 'INFO' ? '' : SDP);
        alice.world.run();
        return request;
      };
      within('INFO', 1, { 'Content-Type': 'application/dtmf-relay' }, 'Signal=1\r\n');
      within('UPDATE', 2, { 'Content-Type': 'application/sdp' }, SDP);
      const again = within('INVITE', 3, { 'Content-Type': 'application/sdp' }, SDP);
      answered(alice, again);
      carrier.sends(carrier.withinOf(sent, 'BYE', { CSeq: '9 BYE' }));
      const bye = alice.requests('BYE')[0];
      if (bye !== undefined) alice.answer(bye, 200, 'OK');
    },
  },
  'refused by one carrier, then by another': {
    play({ world, alice, carrier, other }) {
      const invite = alice.call('18005550199');
      for (const [agent, status] of [
        [carrier, 503],
        [other, 486],
      ] as const) {
        const sent = agent.requests('INVITE')[0];
        if (sent !== undefined) agent.answer(sent, status, 'No');
        world.run();
      }
      answered(alice, invite);
    },
  },
  'a redirect that is followed': {
    options: { trunks: { 'carrier-a': { options: { redirects: 'follow' } } } },
    play({ alice, carrier }) {
      const invite = alice.call('18005550199');
      const sent = carrier.requests('INVITE')[0];
      if (sent === undefined) return;
      carrier.answers(sent, 302, 'Moved', { Contact: `<sip:+18005550188@${CARRIER_A}>` });
      const second = carrier.requests('INVITE')[1];
      if (second !== undefined) carrier.answer(second, 486, 'Busy');
      answered(alice, invite);
    },
  },
  'a phone that forwards by itself': {
    play({ alice, bob, carrier }) {
      const invite = alice.call('102');
      const sent = bob.requests('INVITE')[0];
      if (sent === undefined) return;
      bob.answers(sent, 302, 'Moved', { Contact: '<sip:18005550199@acme.example.com>' });
      const out = carrier.requests('INVITE')[0];
      if (out !== undefined) carrier.answer(out, 486, 'Busy');
      answered(alice, invite);
    },
  },
  'a call in that is taken back': {
    play({ alice, carrier }) {
      const invite = carrier.request('INVITE', `sip:14155550100@${ENGINE}`, {}, SDP);
      carrier.sends(invite);
      const rung = alice.requests('INVITE')[0];
      if (rung === undefined) return;
      alice.answer(rung, 180, 'Ringing');
      carrier.sends(
        carrier.request('CANCEL', invite.requestUri, {
          Via: invite.headers.valueNamed('Via'),
          From: invite.headers.valueNamed('From'),
          'Call-ID': invite.callId(),
          CSeq: '1 CANCEL',
        }),
      );
      const cancel = alice.requests('CANCEL')[0];
      if (cancel !== undefined) alice.answer(cancel, 200, 'OK', { Contact: undefined });
      alice.answers(rung, 487, 'Terminated');
      const final = carrier.responses(invite.callId()).find(({ status }) => status >= 300);
      if (final !== undefined) carrier.ack(invite, final);
    },
  },
  'a call in that is forwarded outside, with who forwarded it': {
    options: {
      acme: {
        extensions: ['101', '102'].map((number) => ({
          number,
          name: number,
          password: PASSWORD,
          forward: { always: '18005550199' },
        })),
      },
      trunks: { 'carrier-a': { options: { diversion: 'both' } } },
    },
    play({ carrier }) {
      const invite = carrier.request('INVITE', `sip:14155550100@${ENGINE}`, {}, SDP);
      carrier.sends(invite);
      const out = carrier.requests('INVITE')[0];
      if (out === undefined) return;
      carrier.answer(out, 200, 'OK', {}, SDP);
      const final = carrier.responses(invite.callId()).find(({ status }) => status >= 200);
      if (final === undefined) return;
      carrier.ack(invite, final);
      carrier.ask(carrier.within(invite, final, 'BYE'));
      const bye = carrier.requests('BYE')[0];
      if (bye !== undefined) carrier.answer(bye, 200, 'OK', { Contact: undefined });
    },
  },
  'a transfer': {
    play({ alice, bob, carrier }) {
      const invite = alice.call('18005550199');
      const sent = carrier.requests('INVITE')[0];
      if (sent === undefined) return;
      carrier.answer(sent, 200, 'OK', {}, SDP);
      const final = answered(alice, invite);
      if (final === undefined) return;
      alice.ask(
        alice.within(invite, final, 'REFER', {
          'Refer-To': '<sip:102@acme.example.com>',
          Contact: `<sip:${alice.host}>`,
        }),
      );
      for (const notify of alice.requests('NOTIFY')) alice.answer(notify, 200, 'OK');
      const rung = bob.requests('INVITE')[0];
      if (rung !== undefined) bob.answer(rung, 486, 'Busy');
      alice.world.run();
      for (const notify of alice.requests('NOTIFY').slice(1)) alice.answer(notify, 200, 'OK');
      alice.ask(alice.within(invite, final, 'BYE', { CSeq: '70 BYE' }));
      const bye = carrier.requests('BYE')[0];
      if (bye !== undefined) carrier.answer(bye, 200, 'OK', { Contact: undefined });
    },
  },
  'a text message': {
    play({ alice, bob }) {
      const message = alice.request(
        'MESSAGE',
        'sip:102@acme.example.com',
        { From: `${alice.address};tag=m1`, 'Content-Type': 'text/plain' },
        'hi',
      );
      const challenge = alice.ask(message);
      if (challenge.status !== 407 && challenge.status !== 401) return;
      alice.sends(alice.authorized(message, challenge, alice.client));
      const relayed = bob.requests('MESSAGE')[0];
      if (relayed !== undefined) bob.answer(relayed, 202, 'Accepted', { Contact: undefined });
    },
  },
};

interface Outcome {
  /** What each peer got, in order. */
  readonly heard: readonly string[];
  /** The kinds of message that the peers sent. */
  readonly sent: ReadonlySet<string>;
  readonly held: unknown;
  readonly errors: readonly unknown[];
}

async function play({ options, play: run }: Scenario, soil: Soil): Promise<Outcome> {
  const world = await World.start(options);
  const peers = {
    world,
    alice: world.phone('101', '203.0.113.1'),
    bob: world.phone('102', '203.0.113.2'),
    carrier: world.agent(CARRIER_A),
    other: world.agent(CARRIER_B),
  };
  const heard: string[] = [];
  const sent = new Set<string>();
  const carry = world.network.carry.bind(world.network);
  world.network.carry = (transport, from, to, text) => {
    if (to.host === ENGINE) sent.add(kindOf(text));
    else heard.push(`${to.host} ${/^SIP\/2\.0 \d+|^\w+/.exec(text)?.[0]}`);
    carry(transport, from, to, to.host === ENGINE ? soiled(text, soil) : text);
  };
  run(peers);
  for (const call of world.engine.calls.list()) world.engine.calls.end(call.id);
  world.run(AFTER_MS);
  return { heard, sent, held: world.held(), errors: world.log.lines.filter(({ level }) => level === 'error') };
}

/** Every transaction has run out, and no trunk is asked again yet. */
const AFTER_MS = 150_000;
const NOTHING_HELD = { calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 };
/** What ends or acknowledges something needs few of its fields. */
const isEnding = (to: string) => to.endsWith('xx') || ['BYE', 'CANCEL', 'ACK'].includes(to);
/** A line with a CR or LF in it is left out: these cannot be. */
const NEEDED: ReadonlySet<string> = new Set(['From', 'To', 'Contact']);

/** A scenario, and something odd in one of the messages that its peers send. */
const soils = (dirt: readonly string[], suits: (to: string) => boolean) =>
  fc
    .record({
      name: fc.constantFrom(...Object.keys(SCENARIOS)),
      field: fc.constantFrom('phrase', 'From', 'To', ...Object.keys(FIELDS)),
      dirt: fc
        .tuple(fc.constantFrom('', 'J', 'a '), fc.constantFrom(...dirt), fc.constantFrom('', 'z'))
        .map((parts) => parts.join('')),
      pick: fc.nat(),
    })
    .map(({ name, field, dirt: octets, pick }) => {
      const suitable = [...(sentIn.get(name) ?? [])].filter(suits);
      return { name, soil: { field, dirt: octets, to: suitable[pick % suitable.length] ?? '' } };
    });
/** What the peers send in each scenario. */
const sentIn = new Map<string, ReadonlySet<string>>();
beforeAll(async () => {
  for (const [name, each] of Object.entries(SCENARIOS)) sentIn.set(name, (await play(each, CLEAN)).sent);
});
const numRuns = Number(process.env['TANDEM_UNTIDY_RUNS'] ?? 100);
const TIME_LIMIT_MS = numRuns * 2_000;

/** The same fields with nothing odd in them: what the messages do then. */
const clean = new Map<string, Promise<Outcome>>();
function cleanOutcome(name: string, soil: Soil): Promise<Outcome> {
  const key = `${name} ${soil.field} ${soil.to}`;
  let outcome = clean.get(key);
  if (outcome === undefined) {
    outcome = play(SCENARIOS[name] as Scenario, { ...soil, dirt: 'tidy' });
    clean.set(key, outcome);
  }
  return outcome;
}

test(
  'octets outside ASCII, control characters, quoted NULs and folded lines in any field of any message change nothing',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        soils(ODD, () => true),
        async ({ name, soil }) => {
          const outcome = await play(SCENARIOS[name] as Scenario, soil);
          expect(outcome).toMatchObject({
            heard: (await cleanOutcome(name, soil)).heard,
            held: NOTHING_HELD,
            errors: [],
          });
        },
      ),
      { numRuns },
    );
  },
  TIME_LIMIT_MS,
);

test(
  'a stray CR, LF or NUL in a field costs the field, never the answer, BYE, CANCEL or ACK that it stands in',
  async () => {
    await fc.assert(
      fc.asyncProperty(soils(STRAY, isEnding), async ({ name, soil }) => {
        const outcome = await play(SCENARIOS[name] as Scenario, soil);
        const expected = await cleanOutcome(name, soil);
        const mayDiffer = NEEDED.has(soil.field) && /[\r\n]/.test(soil.dirt);
        expect(outcome).toMatchObject({
          heard: mayDiffer ? outcome.heard : expected.heard,
          held: NOTHING_HELD,
          errors: [],
        });
      }),
      { numRuns },
    );
  },
  TIME_LIMIT_MS,
);

test(
  'any other request with one is refused, and leaves nothing behind',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        soils(STRAY, (to) => !isEnding(to)),
        async ({ name, soil }) => {
          const { held, errors } = await play(SCENARIOS[name] as Scenario, soil);
          expect({ held, errors }).toEqual({ held: NOTHING_HELD, errors: [] });
        },
      ),
      { numRuns: numRuns / 2 },
    );
  },
  TIME_LIMIT_MS,
);
