/** Calls through the trunks in both directions for as long as the run lasts, phones that register, and an administrator who writes. */
import { createResponse, formatUri, HeaderId, type SipRequest, type SipResponse } from '../../src/sip/message/index.ts';
import { place, register } from './caller.ts';
import type { Leg } from './journal.ts';
import { CARRIER_HOST, PHONE_HOST } from './network.ts';
import { Party, type PartyOptions, type World } from './party.ts';
import {
  CARRIER_PORT,
  didOf,
  LIMIT,
  LIMITED_PORT,
  PHONES,
  PREFIXES,
  PROVIDER_PORT,
  passwordOf,
} from './provisioning.ts';
import type { ChaosNode } from './system.ts';

const REGISTER_MS = 12_000;
const WRITE_MS = 400;
const GRANTED_SECONDS = 10;
/** A refusal of a node whose store is away comes within 3 s. */
const WRITE_PATIENCE_MS = 4_000;
/** Between the calls of a rush: nodes tell each other their counts twice a second. */
const RUSH_STEP_MS = 400;
/** Calls of a rush: more than so many nodes let in together where none of them hears of another's. */
export const rushOf = (nodes: number) => LIMIT * nodes + 2;

export interface TrafficOptions {
  readonly callsPerSecond: number;
  readonly maxTalkMs: number;
  /** Longest that a phone rings. */
  readonly maxRingMs: number;
}

export class Traffic {
  readonly #world: World;
  readonly #nodes: readonly ChaosNode[];
  readonly #options: TrafficOptions;
  readonly #phones: Party[] = [];
  readonly #carriers = new Map<number, Party>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isOver = false;
  #writing: Promise<void> = Promise.resolve();
  /** Extensions whose making was acknowledged. */
  readonly acknowledged: string[] = [];
  /** What other writes were answered, and how many. */
  readonly refusedWrites = new Map<string, number>();

  constructor(world: World, nodes: readonly ChaosNode[], options: TrafficOptions) {
    this.#world = world;
    this.#nodes = nodes;
    this.#options = options;
  }

  async start(): Promise<void> {
    for (const port of [CARRIER_PORT, LIMITED_PORT, PROVIDER_PORT]) {
      const options: PartyOptions = {
        name: `carrier${port}`,
        host: CARRIER_HOST,
        port,
        trunkPort: port,
        allowsUpdate: port !== LIMITED_PORT,
        // Out of +1555 and seven digits.
        keyOf: (invite) => keyIn(formatUri(invite.uri())),
        // Of a rush all are up together: who is called waits for the caller's BYE.
        answer: () => this.#answer(port !== LIMITED_PORT),
        onOther: (request, node) => this.#registration(request, node),
      };
      this.#carriers.set(port, await new Party(options, this.#world).open());
    }
    for (const [index, name] of PHONES.entries()) {
      const options: PartyOptions = {
        name,
        host: PHONE_HOST,
        port: 6001 + index,
        allowsUpdate: index % 3 !== 2,
        keyOf: (invite) => keyIn(invite.headers.value(HeaderId.From) ?? ''),
        answer: () => this.#answer(true),
      };
      this.#phones.push(await new Party(options, this.#world).open());
    }
    await Promise.all(this.#phones.map((phone) => this.#register(phone)));
    this.#every(REGISTER_MS, () => {
      for (const phone of this.#phones) this.#later(this.#upTo(REGISTER_MS / 2), () => void this.#register(phone));
    });
    this.#writing = this.#write();
    this.#nextCall();
  }

  /** No further calls; those that are up go on to their end. */
  stopCalls(): void {
    this.#isOver = true;
  }

  /**
   * Calls over the limited trunk at all nodes in turn, of which none ends before the last is placed: so the rule about limits has calls to
   * judge. Resolves when all are placed.
   */
  async rush(): Promise<void> {
    const calls = rushOf(this.#nodes.length);
    const hosts = this.#shuffled(this.#world.nodes);
    for (let index = 0; index < calls && !this.#isOver; index++) {
      const [node, phone] = [hosts[index % hosts.length] as string, this.#phones[index % this.#phones.length] as Party];
      const talkMs = (calls + 1) * RUSH_STEP_MS + this.#upTo(1_000);
      // At one node alone: a refusal is what most of them are to have.
      void this.#place(phone, node, LIMITED_PORT, talkMs);
      await new Promise((resolve) => setTimeout(resolve, RUSH_STEP_MS));
    }
  }

  async close(): Promise<void> {
    this.stopCalls();
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#writing;
    for (const party of [...this.#phones, ...this.#carriers.values()]) party.close();
  }

  #answer(hangsUp: boolean) {
    const long = this.#world.random() < 0.15;
    const { maxRingMs } = this.#options;
    const ringMs = long ? (3 * maxRingMs + 4 * this.#upTo(maxRingMs)) / 7 : 100 + this.#upTo(900);
    const status = this.#world.random() < 0.05 ? 486 : 200;
    return { ringMs, status, ...(hangsUp && this.#world.random() < 0.5 && { talkMs: this.#talkMs() }) };
  }

  #talkMs(): number {
    return 500 + this.#upTo(this.#options.maxTalkMs);
  }

  #nextCall(): void {
    if (this.#isOver) return;
    void this.#call();
    // Callers do not know of each other.
    this.#later((-Math.log(1 - this.#world.random()) * 1000) / this.#options.callsPerSecond, () => this.#nextCall());
  }

  /** One call, tried at one node after the other; each try has a number of its own. */
  async #call(): Promise<void> {
    const kind = this.#world.random();
    const phone = this.#phones[Math.floor(this.#upTo(this.#phones.length))] as Party;
    // Few over the limited trunk, whose places are all taken in a rush: more would be refused at each node, and fill the run.
    const port = kind < 0.4 || kind >= 0.7 ? CARRIER_PORT : kind < 0.43 ? LIMITED_PORT : PROVIDER_PORT;
    const isInbound = kind >= 0.7;
    // Who hangs up is for the called to say where he says so; the caller does it later in any case.
    const talkMs = this.#talkMs() + (this.#world.random() < 0.5 ? 0 : this.#options.maxTalkMs);
    for (const node of this.#shuffled(this.#world.nodes)) {
      const leg = await (isInbound
        ? this.#placeFromCarrier(phone, node, port, talkMs)
        : this.#place(phone, node, port, talkMs));
      const goesOn = leg.isAbandoned === true ? leg.ringsAtMs.length === 0 : leg.final === 302 || leg.final === 503;
      if (!goesOn || this.#isOver) return;
    }
  }

  #place(phone: Party, node: string, trunkPort: number, talkMs: number): Promise<Leg> {
    const key = this.#world.journal.nextKey();
    const { name } = phone.options;
    return place(phone, {
      key,
      node,
      uri: `sip:${PREFIXES[trunkPort]}1555${key}@acme.test`,
      from: `sip:${name}@acme.test`,
      password: passwordOf(name),
      trunkPort,
      talkMs,
    });
  }

  #placeFromCarrier(phone: Party, node: string, trunkPort: number, talkMs: number): Promise<Leg> {
    const key = this.#world.journal.nextKey();
    return place(this.#carriers.get(trunkPort) as Party, {
      key,
      node,
      uri: `sip:${didOf(phone.options.name)}@${node}`,
      from: `sip:+1555${key}@${CARRIER_HOST}`,
      trunkPort,
      talkMs,
    });
  }

  async #register(phone: Party): Promise<void> {
    await register(phone, this.#shuffled(this.#world.nodes), passwordOf(phone.options.name));
  }

  /** REGISTER of a register trunk. */
  #registration(request: SipRequest, node: string): SipResponse | undefined {
    if (request.method !== 'REGISTER') return undefined;
    const contact = request.headers.value(HeaderId.Contact);
    const asked = Number(request.headers.value(HeaderId.Expires) ?? /expires=(\d+)/.exec(contact ?? '')?.[1] ?? 60);
    const { journal } = this.#world;
    journal.registrations.push({
      atMs: journal.nowMs(),
      node,
      expires: asked,
      callId: request.callId(),
      cseq: request.headers.value(HeaderId.CSeq) ?? '',
    });
    const granted = Math.min(asked, GRANTED_SECONDS);
    const own = contact?.replace(/;expires=\d+/, '') ?? '';
    const headers: [HeaderId, string][] = asked === 0 ? [] : [[HeaderId.Contact, `${own};expires=${granted}`]];
    return createResponse(request, 200, undefined, { toTag: 'provider', headers });
  }

  async #write(): Promise<void> {
    for (let number = 5_000; !this.#isOver; number++) {
      const node = this.#nodes[Math.floor(this.#upTo(this.#nodes.length))] as ChaosNode;
      const body = { number: String(number), name: `written ${number}`, password: 'a good one for now' };
      const answer = await node
        .ask('POST', '/api/v1/tenants/acme/extensions', body, WRITE_PATIENCE_MS)
        .catch(() => undefined);
      if (answer?.status === 201) this.acknowledged.push(String(number));
      else {
        const why = answer === undefined ? 'no answer' : `${answer.status} ${answer.body.code}`;
        this.refusedWrites.set(why, (this.refusedWrites.get(why) ?? 0) + 1);
      }
      await new Promise((resolve) => setTimeout(resolve, WRITE_MS));
    }
  }

  #shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, at: this.#world.random() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }

  #upTo(limit: number): number {
    return this.#world.random() * limit;
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }

  #every(ms: number, act: () => void): void {
    this.#later(ms, () => {
      act();
      this.#every(ms, act);
    });
  }
}

/** The seven digits after the country and area code of the numbers that calls have here. */
export function keyIn(text: string): string {
  return /1555(\d{7})/.exec(text)?.[1] ?? 'none';
}
