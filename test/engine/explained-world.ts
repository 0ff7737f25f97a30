import { Explainer } from '../../src/engine/explainer.ts';
import { Observation } from '../../src/engine/observation.ts';
import { RecentCalls } from '../../src/engine/recent-calls.ts';
import { CallRecordLog, EventBus, Metrics, SipTrace } from '../../src/observe/index.ts';
import type { Explanation } from '../../src/outbound/index.ts';
import { parseMessage, type SipRequest, serialize } from '../../src/sip/message/index.ts';
import { type Agent, CARRIER_A, CARRIER_B, ENGINE, type Phone, World, type WorldOptions } from './world.ts';

/** What came of a call: every INVITE that left before anybody answered, and the final answer. */
export interface Live {
  readonly sent: readonly string[];
  readonly status: number | undefined;
  readonly reason: string | undefined;
}

/** An engine with an explainer beside it, two phones, and two carriers. */
export class ExplainedWorld {
  readonly world: World;
  readonly explainer: Explainer;
  readonly alice: Phone;
  readonly peers: readonly Agent[];

  private constructor(world: World, explainer: Explainer) {
    this.world = world;
    this.explainer = explainer;
    this.alice = world.phone('101', '203.0.113.1');
    this.peers = [world.agent(CARRIER_A), world.agent(CARRIER_B), world.phone('102', '203.0.113.2'), this.alice];
  }

  static async start(options: WorldOptions = {}): Promise<ExplainedWorld> {
    const recentCalls = new RecentCalls();
    let watch: { trace: SipTrace; records: CallRecordLog } | undefined;
    const world = await World.start({
      ...options,
      observer: ({ scheduler, log, engine: _engine }) => {
        const trace = new SipTrace(scheduler);
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
      engine: world.engine,
      trace,
      placed: (id) => recentCalls.get(records.get(id)?.callId ?? id),
      record: (id) => records.get(id),
    });
    return new ExplainedWorld(world, explainer);
  }

  /** Sends an INVITE of alice's with credentials. */
  async place(invite: SipRequest): Promise<Live> {
    const before = this.peers.map((peer) => peer.requests('INVITE').length);
    const challenge = this.alice.ask(invite);
    this.alice.ack(invite, challenge);
    if (challenge.status !== 407) return { sent: [], status: challenge.status, reason: challenge.reason };
    const again = this.alice.authorized(invite, challenge, this.alice.client);
    this.alice.send(again);
    this.world.run();
    // A setting that a dial code stores is answered when it is stored.
    await this.world.turn();
    this.world.run();
    const fresh = this.peers.flatMap((peer, index) =>
      peer
        .requests('INVITE')
        .slice(before[index])
        .map((request) => ({ peer, request })),
    );
    for (const { peer, request } of fresh) peer.answer(request, 486, 'Busy Here');
    this.world.run();
    const final = this.alice.final(again);
    return { sent: fresh.map(({ request }) => textOf(request)), status: final?.status, reason: final?.reason };
  }

  /** A call of the carrier's to a DID. */
  ring(did: string): Live {
    const [carrier] = this.peers as [Agent];
    const invite = carrier.request('INVITE', `sip:${did}@${ENGINE}`, {}, 'v=0\r\n');
    const before = this.peers.map((peer) => peer.requests('INVITE').length);
    carrier.send(invite);
    this.world.run();
    const sent = this.peers.flatMap((peer, index) => {
      const known = before[index] ?? 0;
      const requests = peer.requests('INVITE').slice(known);
      for (const request of requests) peer.answer(request, 486, 'Busy Here');
      return requests.map(textOf);
    });
    this.world.run();
    const final = carrier.responses(invite.callId()).find(({ status }) => status >= 200);
    if (final !== undefined) carrier.ack(invite, final);
    return { sent, status: final?.status, reason: final?.reason };
  }

  close(): void {
    for (const call of this.world.engine.calls.list()) this.world.engine.calls.end(call.id);
    this.world.scheduler.runUntilIdle(6 * 3600_000);
  }
}

function textOf(request: SipRequest): string {
  return request.received?.text ?? serialize(request);
}

/** What is random in an INVITE, made the same everywhere: branch, tag, Call-ID and the session's name. */
export function steady(invite: string): string {
  return invite
    .replace(/;branch=[^;\r]+/g, ';branch=#')
    .replace(/(From: [^\r]*);tag=[^;\r]+/, '$1;tag=#')
    .replace(/^(Call-ID|X-Session-Id): [^\r]+/gm, '$1: #');
}

export const octetsOf = ({ inviteBase64 }: { readonly inviteBase64: string }): string =>
  Buffer.from(inviteBase64, 'base64').toString('latin1');

/** Faults of an explanation's reasons: a field that is sent without one, or a reason without its field. */
export function unreasonable({ routes }: Explanation): string[] {
  return routes.flatMap(({ inviteBase64, fields }) => {
    if (inviteBase64 === '') return fields.map(({ field }) => `${field} explained, nothing sent`);
    const invite = parseMessage(Buffer.from(inviteBase64, 'base64').toString('latin1')) as SipRequest;
    const names = new Set(['request-uri', 'content-length']);
    invite.headers.forEach((name) => void names.add(name.toLowerCase()));
    const reasons = fields.filter(({ dropped }) => dropped !== true);
    const explained = new Set(
      reasons.map(({ field }) =>
        field.replace(/ \(call(ed|ing)\)|\.(user|host|displayName|scheme)$/g, '').toLowerCase(),
      ),
    );
    return [
      ...[...names].filter((name) => !explained.has(name)).map((name) => `${name} has no reason`),
      ...[...explained].filter((name) => !names.has(name)).map((name) => `${name} is explained and not sent`),
    ];
  });
}
