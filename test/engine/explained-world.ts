import { Explainer } from '../../src/engine/explain/explainer.ts';
import { imaginedResponse, readAnswers } from '../../src/engine/explain/imagined-answer.ts';
import { Observation } from '../../src/engine/tell/observation.ts';
import { RecentCalls } from '../../src/engine/tell/recent-calls.ts';
import { CallRecordLog, EventBus, Metrics, SipTrace } from '../../src/observe/index.ts';
import type { Explanation } from '../../src/outbound/index.ts';
import { DigestClient } from '../../src/sip/auth/index.ts';
import { HeaderId, parseMessage, type SipRequest, type SipResponse, serialize } from '../../src/sip/message/index.ts';
import {
  type Agent,
  CARRIER_A,
  CARRIER_B,
  ENGINE,
  GATEWAY_PASSWORD,
  Phone,
  type RequestFields,
  SDP,
  World,
  type WorldOptions,
} from './world.ts';

const GATEWAY = '203.0.113.30';
/** A trunk's own host is what its peer challenges for. */
const REALMS = new Map([[GATEWAY, 'gateway.example.com']]);

/** What came of a call: every INVITE that left, in the order of their leaving, and the final answer. */
export interface Live {
  readonly sent: readonly Sent[];
  readonly status: number | undefined;
  readonly reason: string | undefined;
}

/** Which of the carriers take TCP connections. */
type Tcp = readonly [boolean, boolean];

export interface Sent {
  readonly text: string;
}

/** What a called party does: a status to answer with, a challenge, a redirection, or nothing (a phone rings on). */
export type Reply = number | 'challenge' | 'redirect' | 'redirect-inside' | 'silence';

/** An engine with an explainer beside it, two phones, two carriers that speak UDP, TCP and TLS, and a gateway that registered. */
export class ExplainedWorld {
  readonly world: World;
  readonly explainer: Explainer;
  readonly alice: Phone;
  readonly peers: readonly Agent[];
  /** Branches of CANCELs that were answered. */
  readonly #cancelled = new Set<string>();

  private constructor(world: World, explainer: Explainer, tcp: Tcp, bobHasTwoPhones: boolean) {
    this.world = world;
    this.explainer = explainer;
    this.alice = world.phone('101', '203.0.113.1');
    const carriers = [world.agent(CARRIER_A), world.agent(CARRIER_B)];
    for (const [index, { peer }] of carriers.entries()) {
      if (tcp[index] === true) peer.listen('tcp', 5060);
      peer.listen('tls', 5061);
    }
    const bobs = ['203.0.113.2', ...(bobHasTwoPhones ? ['203.0.113.4'] : [])].map((host) => world.phone('102', host));
    this.peers = [...carriers, ...bobs, this.alice, this.#gateway()];
  }

  #gateway(): Agent {
    const gateway = this.world.agent(GATEWAY);
    const client = new DigestClient({ username: 'gw1', secret: { password: GATEWAY_PASSWORD } });
    const address = '<sip:gw1@gateway.example.com>';
    const register = gateway.request('REGISTER', 'sip:gateway.example.com', {
      From: `${address};tag=1`,
      To: address,
      Expires: '86400',
    });
    gateway.askAuthenticated(register, client);
    return gateway;
  }

  static async start(
    options: WorldOptions = {},
    tcp: Tcp = [true, true],
    bobHasTwoPhones = false,
  ): Promise<ExplainedWorld> {
    const recentCalls = new RecentCalls();
    let watch: { trace: SipTrace; records: CallRecordLog } | undefined;
    const world = await World.start({
      ...options,
      observer: ({ scheduler, log, engine: _engine }) => {
        const trace = new SipTrace(scheduler, { maxOctets: 1_000_000 });
        const records = new CallRecordLog({ log });
        watch = { trace, records };
        const events = new EventBus(scheduler, { onError: () => {} });
        const metrics = new Metrics({ processMetrics: false });
        return new Observation({
          log,
          events,
          metrics,
          records,
          trace,
          recentCalls,
          directory: () => world.engine.directory,
        });
      },
    });
    if (watch === undefined) throw new Error('nobody watches');
    const { trace, records } = watch;
    const explainer = new Explainer({
      scheduler: world.scheduler,
      engine: world.engine,
      trace,
      placed: (id) => recentCalls.get(records.get(id)?.callId ?? id),
      record: (id) => records.get(id),
    });
    return new ExplainedWorld(world, explainer, tcp, bobHasTwoPhones);
  }

  /** Sends an INVITE of alice's with credentials, right after `beforehand`; whoever is called does what comes next in `replies`, and then is busy. */
  async place(
    invite: SipRequest,
    replies: readonly Reply[] = [],
    beforehand: () => Promise<void> = async () => {},
  ): Promise<Live> {
    const challenge = this.alice.ask(invite);
    this.alice.ack(invite, challenge);
    // At the very moment when it is placed: rates count every one of them.
    this.world.run(1_500);
    await beforehand();
    if (challenge.status !== 407) return { sent: [], status: challenge.status, reason: challenge.reason };
    const again = this.alice.authorized(invite, challenge, this.alice.client);
    return this.#play(this.alice, again, replies);
  }

  /** A call of the first carrier's to a DID. */
  async ring(did: string, fields: RequestFields = {}, replies: readonly Reply[] = []): Promise<Live> {
    const [carrier] = this.peers as [Agent];
    return this.bring(carrier.request('INVITE', `sip:${did}@${ENGINE}`, fields, SDP), replies);
  }

  async bring(
    invite: SipRequest,
    replies: readonly Reply[] = [],
    beforehand: () => Promise<void> = async () => {},
  ): Promise<Live> {
    this.world.run(1_500);
    await beforehand();
    return this.#play(this.peers[0] as Agent, invite, replies);
  }

  async #play(caller: Agent, invite: SipRequest, replies: readonly Reply[]): Promise<Live> {
    const seen = this.peers.map((peer) => peer.requests('INVITE').length);
    const sent: Sent[] = [];
    let turn = 0;
    caller.send(invite);
    for (let wait = 0; wait < 120; wait++) {
      this.world.run();
      // A setting that a dial code stores is answered when it is stored.
      await this.world.turn();
      this.world.run();
      const final = finalTo(caller, invite);
      const fresh = this.peers.flatMap((peer, index) => {
        const requests = peer.requests('INVITE').slice(seen[index]);
        seen[index] = (seen[index] ?? 0) + requests.length;
        return requests.map((request) => ({ peer, request, order: this.#orderOf(request) }));
      });
      fresh.sort((a, b) => a.order - b.order);
      if (fresh.length === 0 && final === undefined) this.world.run(2_000);
      this.#obeyCancels();
      for (const { peer, request } of fresh) {
        sent.push({ text: textOf(request) });
        if (final !== undefined) continue;
        const reply = replies[turn++] ?? 486;
        react(peer, request, reply);
      }
      if (final === undefined) continue;
      caller.ack(invite, final);
      this.world.run();
      this.#obeyCancels();
      return { sent, status: final.status, reason: final.reason };
    }
    return { sent, status: undefined, reason: undefined };
  }

  #orderOf(request: SipRequest): number {
    return this.world.network.packets.findIndex(({ text }) => text === request.receivedText);
  }

  /** Parties that rang are told to stop. */
  #obeyCancels(): void {
    for (const peer of this.peers) {
      for (const cancel of peer.requests('CANCEL')) {
        if (this.#cancelled.has(cancel.topVia().branch)) continue;
        this.#cancelled.add(cancel.topVia().branch);
        peer.answer(cancel, 200, 'OK');
        const invite = peer
          .requests('INVITE')
          .find(({ headers }) => headers.value(HeaderId.Via)?.includes(cancel.topVia().branch));
        if (invite !== undefined) peer.answer(invite, 487, 'Request Terminated');
      }
    }
  }

  close(): void {
    for (const call of [...this.world.engine.calls.list()]) this.world.engine.calls.end(call.id);
    this.world.scheduler.runUntilIdle(6 * 3600_000);
  }
}

function finalTo(caller: Agent, invite: SipRequest): SipResponse | undefined {
  const { sequence } = invite.cseq();
  return caller
    .responses(invite.callId())
    .find((response) => response.status >= 200 && response.cseq().sequence === sequence);
}

/** A reply as a question to `explain` says it. */
export function sayReply(reply: Reply): string {
  switch (reply) {
    case 'challenge':
      return '407';
    case 'redirect':
      return '302 +18005550177';
    case 'redirect-inside':
      return '302 sip:103@acme.example.com';
    default:
      return String(reply);
  }
}

function react(peer: Agent, request: SipRequest, reply: Reply): void {
  const [answer] = readAnswers([sayReply(reply)]);
  if (answer?.kind === 'status') {
    const { host } = peer.peer.here;
    const challenge = { realm: REALMS.get(host) ?? host, nonce: `explained-${peer.world.next()}` };
    peer.send(imaginedResponse(request, answer.status, answer.contact, challenge));
    peer.world.run(20);
  }
  // Nothing is heard of a trunk; a phone rings on and on.
  else if (peer instanceof Phone) peer.answer(request, 180, 'Ringing', { Contact: `<sip:${peer.host}>` });
}

function textOf(request: SipRequest): string {
  return request.receivedText ?? serialize(request);
}

/** Claims without the time and the call's own name. */
function said(claims: string): string {
  const { iat: _, origid: __, ...rest } = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'));
  return JSON.stringify(rest);
}

/**
 * What is random in an INVITE, made the same everywhere: branch, tag, Call-ID, the session's name, the time, name and
 * signature of an Identity token, the proof of a password and its count; of what a Contact carries all but its length.
 */
export function steady(invite: string): string {
  return invite
    .replace(/;branch=[^;\r]+/g, ';branch=#')
    .replace(/(From: [^\r]*);tag=[^;\r]+/, '$1;tag=#')
    .replace(/^(Call-ID|X-Session-Id): [^\r]+/gm, '$1: #')
    .replace(/^(Contact: [^\r]*;tdm=)([A-Za-z0-9_-]+)/m, (_, before, sealed) => before + '#'.repeat(sealed.length))
    .replace(/^Date: [^\r]+/m, 'Date: #')
    .replace(/^Identity: ([^.\r]+)\.([^.\r]+)\.[^;\r]+/gm, (_, header, claims) => `Identity: ${header}.${said(claims)}`)
    .replace(/^(?:Proxy-)?Authorization: [^\r]+/gm, (field) =>
      field.replace(/(nonce|response|algorithm|cnonce)=[^,\r]+/g, '$1=#'),
    );
}

/** A large request is tried over TCP first; a carrier that takes no connection gets it over UDP. */
export function viaUdp(invite: string): string {
  return invite.replace(/^Via: SIP\/2\.0\/(?:TCP|UDP) ([^;\r]+)(?:;rport)?/m, 'Via: SIP/2.0/UDP $1;rport');
}

export const octetsOf = ({ inviteBase64 }: { readonly inviteBase64: string }): string =>
  Buffer.from(inviteBase64, 'base64').toString('latin1');

/**
 * Faults of an explanation's reasons: a field that is sent without one, or a reason without its field.
 *
 * @param isSentOn the call may have been sent on: over the same trunk it may have left before, to another number
 */
export function unreasonable({ routes, legs = [] }: Explanation, isSentOn = false): string[] {
  return routes.flatMap((route) => {
    const { inviteBase64, fields, trunk } = route;
    if (inviteBase64 === '') return fields.map(({ field }) => `${field} explained, nothing sent`);
    const octets = octetsOf(route);
    const onTrunk = legs.filter(({ to }) => to === trunk.name).map(octetsOf);
    const ofRoute = isSentOn ? onTrunk.filter((leg) => calledBy(leg) === calledBy(octets)) : onTrunk;
    // A rule may name a trunk twice.
    const shown = routes.filter((other) => other.trunk.id === trunk.id).map(octetsOf);
    const invite = parseMessage(octets) as SipRequest;
    const values = new Map([
      ['request-uri', [invite.requestUri]],
      ['content-length', ['']],
    ]);
    invite.headers.forEach((name, value) => {
      values.set(name.toLowerCase(), [...(values.get(name.toLowerCase()) ?? []), value]);
    });
    const reasons = fields.filter(({ dropped }) => dropped !== true);
    const explained = new Set(reasons.map(({ field }) => headerOf(field)));
    return [
      ...(ofRoute.length === 0 || onTrunk.some((leg) => shown.includes(leg))
        ? []
        : [`the INVITE of ${trunk.name} leaves on no leg`]),
      ...[...values.keys()].filter((name) => !explained.has(name)).map((name) => `${name} has no reason`),
      ...[...explained].filter((name) => !values.has(name)).map((name) => `${name} is explained and not sent`),
      ...reasons
        .filter(({ field, value, overruled }) => {
          const isHost = /\.host$|^Via$/.test(field) && overruled !== true;
          return isHost && values.get(headerOf(field))?.some((sent) => sent.includes(value)) === false;
        })
        .map(({ field, value }) => `${field} is not ${value}`),
    ];
  });
}

/** Whom an INVITE calls: all of the start line and of To. */
function calledBy(octets: string): string {
  return `${octets.slice(0, octets.indexOf('\r\n'))} ${/^To: [^\r]*/m.exec(octets)?.[0]}`;
}

function headerOf(field: string): string {
  return field.replace(/ \(call(ed|ing)\)|\.(user|host|displayName|scheme)$/g, '').toLowerCase();
}
