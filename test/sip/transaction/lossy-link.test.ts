import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SuccessResender } from '../../../src/sip/dialog/index.ts';
import {
  createResponse,
  HeaderId,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../../../src/sip/message/index.ts';
import {
  type ClientTransaction,
  type ServerTransaction,
  TransactionLayer,
} from '../../../src/sip/transaction/index.ts';
import { type LinkEnd, SimulatedLink } from '../../kit/simulated-link.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { makeRequest } from './fixture.ts';
import {
  type Entry,
  INVITE_CLIENT,
  INVITE_SERVER,
  Model,
  NON_INVITE_CLIENT,
  NON_INVITE_SERVER,
  statusClass,
} from './model.ts';

/** The states of machines and models are compared this often. */
const PROBE_MS = 977.3;

/** One random run: how the link behaves and what both users do. */
interface Schedule {
  readonly seed: number;
  readonly loss: number;
  readonly duplication: number;
  readonly maxDelayMs: number;
  readonly provisionals: readonly number[];
  /** 0: never a final response. */
  readonly final: number;
  readonly thinkMs: number;
  /** Where in its interval the first comparison of states falls, 0 to 1. */
  readonly probePhase: number;
  /** When the caller gives up, from its start. */
  readonly cancelMs: number;
}

const schedules = fc.record<Schedule>({
  seed: fc.integer(),
  loss: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.9, noNaN: true })),
  duplication: fc.double({ min: 0, max: 0.5, noNaN: true }),
  maxDelayMs: fc.constantFrom(2, 50, 400, 3000),
  provisionals: fc.array(fc.constantFrom(100, 180, 183), { maxLength: 3 }),
  final: fc.constantFrom(0, 200, 200, 202, 302, 404, 486, 500, 603),
  // Odd fractions keep inputs and timers from falling on the same instant, where either order would be right.
  probePhase: fc.double({ min: 0.001, max: 1, noNaN: true }),
  thinkMs: fc.oneof(
    fc.constant(0.137),
    fc.integer({ min: 0, max: 40_000 }).map((each) => each + 0.137),
  ),
  cancelMs: fc.oneof(
    fc.constant(45_000.613),
    fc.integer({ min: 0, max: 45_000 }).map((each) => each + 0.613),
  ),
});

/** Client on the left, server on the right, a model beside each. */
class Run {
  readonly scheduler = new VirtualScheduler();
  readonly link: SimulatedLink;
  readonly left: TransactionLayer<LinkEnd>;
  readonly right: TransactionLayer<LinkEnd>;
  readonly clientLog: Entry[] = [];
  readonly serverLog: Entry[] = [];
  readonly request: SipRequest;
  readonly clientModel: Model;
  serverModel: Model | undefined;
  requestsSeen = 0;
  /** Probes at which a machine was in another state than its model. */
  readonly wrongStates: string[] = [];
  #client: ClientTransaction<LinkEnd> | undefined;
  #server: ServerTransaction<LinkEnd> | undefined;
  #resender: SuccessResender | undefined;
  readonly #schedule: Schedule;
  readonly #invite: boolean;

  constructor(schedule: Schedule, method: 'INVITE' | 'OPTIONS', reliable: boolean) {
    this.#schedule = schedule;
    this.#invite = method === 'INVITE';
    const { loss, duplication, maxDelayMs, seed } = schedule;
    this.link = new SimulatedLink(
      this.scheduler,
      { reliable, loss, duplication, minDelayMs: 1.0007, maxDelayMs },
      seed,
    );
    const { scheduler } = this;
    this.left = new TransactionLayer<LinkEnd>({ scheduler, user: { onRequest() {}, onAck() {} } });
    this.right = new TransactionLayer<LinkEnd>({
      scheduler,
      user: { onRequest: (transaction) => this.#onRequest(transaction), onAck: () => this.#resender?.stop() },
    });
    this.link.left.onReceive = (text) => this.#receiveLeft(parseMessage(text) as SipResponse);
    this.link.right.onReceive = (text) => this.#receiveRight(parseMessage(text) as SipRequest);
    this.request = makeRequest(method);
    this.clientModel = new Model(this.#invite ? INVITE_CLIENT : NON_INVITE_CLIENT, reliable, 0);
    this.#go();
  }

  /** What the machine under test sent, CANCEL and the user's own ACKs apart, in the model's words. */
  sentBy(end: LinkEnd, machineMethods: readonly string[]): Entry[] {
    return end.sent
      .map(({ atMs, text }) => ({ atMs, message: parseMessage(text) }))
      .filter(
        ({ message }) =>
          machineMethods.includes(message.cseq().method) && message.headers.value(HeaderId.Subject) === undefined,
      )
      .map(({ atMs, message }) => [atMs, `send ${message.kind === 'request' ? message.method : message.status}`]);
  }

  #go(): void {
    const transaction = this.left.createClient(this.request, this.link.left, {
      onResponse: (response, client) => this.#onResponse(response, client),
      onTimeout: () => this.clientLog.push([this.scheduler.nowMs(), 'up timeout']),
      onTransportError: () => this.clientLog.push([this.scheduler.nowMs(), 'up error']),
    });
    this.#client = transaction;
    this.scheduler.schedule(PROBE_MS * this.#schedule.probePhase, this, 0);
    if (!this.#invite) return;
    this.scheduler.after(this.#schedule.cancelMs, () => {
      this.clientModel.input(this.scheduler.nowMs(), 'cancel');
      transaction.cancel();
    });
  }

  /** Both states are compared, for two minutes. */
  onTimer(): void {
    const nowMs = this.scheduler.nowMs();
    this.#compare('client', nowMs, this.clientModel, this.#client?.state);
    if (this.serverModel !== undefined) this.#compare('server', nowMs, this.serverModel, this.#serverState);
    if (nowMs + PROBE_MS < 120_000) this.scheduler.schedule(PROBE_MS, this, 0);
  }

  /** What goes by itself in Completed is the layer's record; its user's transaction stays as it was. */
  get #serverState(): string | undefined {
    const isForgotten = !this.#invite && this.right.serverCount === 0;
    return isForgotten ? 'terminated' : this.#server?.state;
  }

  #compare(which: string, nowMs: number, model: Model, state: string | undefined): void {
    model.runUntil(nowMs);
    if (model.publicState !== state)
      this.wrongStates.push(`${which} at ${nowMs} ms: ${state}, not ${model.publicState}`);
  }

  #onResponse(response: SipResponse, client: ClientTransaction<LinkEnd>): void {
    this.clientLog.push([this.scheduler.nowMs(), `up ${response.status}`]);
    if (!this.#invite || response.status < 200) return;
    if (response.status >= 300) {
      client.release();
      return;
    }
    // The user's ACK to a 2xx, marked so that it is told from the machine's.
    const ack = makeRequest('ACK', { branch: 'z9hG4bKuserack', toTag: response.toTag() ?? '' });
    ack.headers.add(HeaderId.Subject, 'user');
    client.flow.send(serialize(ack));
  }

  #receiveLeft(response: SipResponse): void {
    if (response.cseq().method === this.request.method) {
      this.clientModel.input(this.scheduler.nowMs(), statusClass(response.status), String(response.status));
    }
    this.left.receiveResponse(response, this.link.left);
  }

  #receiveRight(request: SipRequest): void {
    const nowMs = this.scheduler.nowMs();
    // The model of a terminated machine is done: the next copy of the request is a new one, as far as anyone can tell.
    this.serverModel?.runUntil(nowMs);
    const isMachines = request.headers.value(HeaderId.Subject) === undefined;
    if (request.method === this.request.method) this.serverModel?.input(nowMs, 'again');
    else if (request.method === 'ACK' && isMachines) this.serverModel?.input(nowMs, 'ACK');
    this.right.receiveRequest(request, this.link.right);
  }

  #onRequest(transaction: ServerTransaction<LinkEnd>): void {
    this.requestsSeen++;
    // A copy that was delayed for longer than the machine lived; only the first one is compared.
    if (this.requestsSeen > 1) {
      transaction.reply(500);
      return;
    }
    const { scheduler } = this;
    this.#server = transaction;
    this.serverModel = new Model(
      this.#invite ? INVITE_SERVER : NON_INVITE_SERVER,
      transaction.flow.reliable,
      scheduler.nowMs(),
    );
    transaction.user = {
      onCancel: () => this.#respond(487),
      onAckTimeout: () => this.serverLog.push([scheduler.nowMs(), 'up no ack']),
    };
    const { provisionals, final, thinkMs } = this.#schedule;
    provisionals.forEach((status, index) => {
      if (this.#invite || status === 100)
        scheduler.after((thinkMs * (index + 1)) / (provisionals.length + 1), () => this.#respond(status));
    });
    if (final !== 0) scheduler.after(thinkMs, () => this.#respond(final));
    // Nobody else ends a request that the user forgets.
    else if (!this.#invite) scheduler.after(50_000.137, () => this.#respond(500));
    else scheduler.after(200_000.137, () => this.#respond(500));
  }

  #respond(status: number): void {
    const server = this.#server as ServerTransaction<LinkEnd>;
    if (server.state !== 'proceeding' && server.state !== 'trying') return;
    const response = createResponse(server.request, status, undefined, { toTag: server.localTag });
    const pass = () => {
      this.serverModel?.input(this.scheduler.nowMs(), `tu ${statusClass(status)}`, String(status));
      server.respond(response);
    };
    pass();
    if (!this.#invite || statusClass(status) !== '2xx') return;
    this.#resender = new SuccessResender(this.scheduler, response, { resend: pass, onNoAck() {}, onFault() {} });
  }
}

function check(schedule: Schedule, method: 'INVITE' | 'OPTIONS', reliable: boolean): void {
  const run = new Run(schedule, method, reliable);
  run.scheduler.runUntilIdle();
  const endMs = run.scheduler.nowMs();
  run.clientModel.runUntil(endMs);
  run.serverModel?.runUntil(endMs);

  // The user hears exactly one end: a final response other than 2xx, a timeout, or one 2xx and its copies; and nothing provisional after it.
  const isProvisional = ([, what]: Entry) => /^up 1\d\d$/.test(what);
  const ends = run.clientLog.filter((entry) => !isProvisional(entry)).map(([, what]) => what);
  const isSuccess = method === 'INVITE' && ends[0]?.startsWith('up 2') === true;
  const firstEnd = run.clientLog.findIndex(([, what]) => what === ends[0]);
  const found = {
    client: merge(run.sentBy(run.link.left, [method, 'ACK']).slice(1), run.clientLog),
    server: run.requestsSeen === 1 ? merge(run.sentBy(run.link.right, [method]), run.serverLog) : undefined,
    wrongStates: run.wrongStates,
    state: run.clientModel.state,
    left: [run.left.clientCount, run.right.serverCount, run.scheduler.armedCount],
    ends: isSuccess ? new Set(ends).size : ends.length,
    afterEnd: run.clientLog.slice(firstEnd).filter(isProvisional),
    isHeard: schedule.loss > 0 || run.requestsSeen > 0,
  };
  const due = {
    // Both machines did exactly what their models did, at the same times.
    client: sorted(run.clientModel.log),
    server: run.requestsSeen === 1 ? sorted(run.serverModel?.log ?? []) : undefined,
    wrongStates: [],
    // Both ends ended, and nothing is armed or kept.
    state: 'terminated',
    left: [0, 0, 0],
    ends: 1,
    afterEnd: [],
    isHeard: true,
  };
  if (!isDeepStrictEqual(found, due)) expect(found).toEqual(due);
}

/** Sends before user events of the same instant, as neither order is prescribed. */
function sorted(log: readonly Entry[]): Entry[] {
  return [...log].sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0));
}

function merge(sent: readonly Entry[], events: readonly Entry[]): Entry[] {
  return sorted([...sent, ...events]);
}

describe('§17: both ends against the model over a link that loses, doubles, delays and reorders', () => {
  test.each([
    ['INVITE', false, 4000],
    ['OPTIONS', false, 4000],
    ['INVITE', true, 1500],
    ['OPTIONS', true, 1000],
  ] as const)('%s, reliable %s: %i schedules', (method, reliable, numRuns) => {
    fc.assert(
      fc.property(schedules, (schedule) => check(schedule, method, reliable)),
      { numRuns },
    );
  });
});
