/** The nodes on the store, as the engine asks for them, and what this one tells them. */
import type { NodesPort, StorePort } from '../api/ports.ts';
import type { AddressScope } from '../base/address-scope.ts';
import { derived } from '../base/derived.ts';
import { StateError } from '../base/errors.ts';
import type { Clock } from '../base/scheduler.ts';
import type { Engine } from '../engine/engine.ts';
import type { PeerNodes } from '../engine/peer-nodes.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { nodeOf, workerName, workerOf } from '../settings/workers.ts';
import { type HostPort, localAddress, type Target, type TransportName } from '../sip/transport/index.ts';
import type { KnownNode, NodeReport, NodeRoster, Stores } from '../store/index.ts';
import type { TrunkHealth } from '../trunks/health.ts';
import type { LimitUse } from '../trunks/shared-limits.ts';

/** Nodes tell of themselves twice a second. */
const HEARD_MS = 1_500;
/** One that was there so long ago, and lives, has been heard of since, whatever clocks are apart without an alarm. */
const HEARD_OF_AFTER_MS = 60_000;

const registeredBy = derived(({ registered }: KnownNode): ReadonlySet<string> => new Set(registered));

/** A node that was killed is in the roster for some seconds more; whoever finds it silent passes it over until it tells of itself again. */
export class RosterPeers implements PeerNodes {
  readonly #roster: NodeRoster;
  readonly #clock: Clock;
  readonly #ofNode: string | undefined;
  /** The last that was heard of a node when it was silent. */
  readonly #silentSince = new Map<string, KnownNode>();

  /** @param ofNode of a worker: the node that it is one of */
  constructor(roster: NodeRoster, clock: Clock, ofNode?: string) {
    this.#roster = roster;
    this.#clock = clock;
    this.#ofNode = ofNode;
  }

  names(): readonly string[] {
    return this.#roster.others().map(({ name }) => name);
  }

  hasEnded(name: string, wasThereAtWallMs: number): boolean {
    const sinceMs = this.#clock.wallMs() - this.#roster.clockOffsetMs - wasThereAtWallMs;
    return sinceMs >= HEARD_OF_AFTER_MS && this.#roster.hasEnded(name);
  }

  hasCounterpart(name: string): boolean {
    const ofNode = this.#ofNode;
    const worker = workerOf(name);
    if (ofNode === undefined || worker === undefined) return false;
    const wanted = workerName(ofNode, worker);
    const counterpart = wanted === name ? undefined : this.#roster.others().find((other) => other.name === wanted);
    if (counterpart === undefined || counterpart.isDraining === true) return false;
    return this.#isHeard(counterpart.toldAtMs ?? counterpart.heardAtMs);
  }

  workersBeside(name: string): readonly string[] {
    const machine = nodeOf(name);
    if (machine === undefined || machine === this.#ofNode) return [];
    const others = this.#roster.others().filter((other) => other.name !== name && other.local?.node === machine);
    return others.flatMap((other) => (other.isDraining === true ? [] : [other.name]));
  }

  hasSuccessor(): boolean {
    return this.#roster.others().some(({ isDraining, heardAtMs }) => isDraining !== true && this.#isHeard(heardAtMs));
  }

  #isHeard(atMs: number): boolean {
    return this.#clock.nowMs() - atMs < HEARD_MS;
  }

  quietMs(name: string): number | undefined {
    const node = this.#roster.others().find((other) => other.name === name);
    return node === undefined ? undefined : this.#clock.nowMs() - (node.toldAtMs ?? node.heardAtMs);
  }

  signs(name: string): boolean {
    return this.#roster.others().find((other) => other.name === name)?.signs === true;
  }

  processOf(name: string): string | undefined {
    return this.#roster.others().find((other) => other.name === name)?.process;
  }

  addressOf(name: string): Target | undefined {
    const node = this.#roster.others().find((other) => other.name === name);
    if (node === undefined || isSameTelling(this.#silentSince.get(name), node)) return undefined;
    this.#silentSince.delete(name);
    return this.#wayTo(node);
  }

  /** What a machine says of itself to others may lead there from outside alone: the workers on it go straight to each other. */
  #wayTo({ sip, local }: KnownNode): Target | undefined {
    if (sip === undefined || local === undefined || local.node !== this.#ofNode) return sip;
    return { ...sip, address: local.address };
  }

  isPeerAddress(address: string): boolean {
    return this.#roster.others().some((node) => this.#wayTo(node)?.address === address);
  }

  publicAddresses(transport: TransportName): readonly HostPort[] {
    return this.#roster.others().flatMap(({ contacts, isDraining }) => {
      const contact = contacts?.[transport];
      return contact === undefined || isDraining === true ? [] : [contact];
    });
  }

  advertised(name: string, transport: TransportName, scope: AddressScope): HostPort | undefined {
    const node = this.#roster.others().find((other) => other.name === name);
    const contact = node?.contacts?.[transport];
    if (contact === undefined || scope === 'public') return contact;
    return { host: node?.sip?.address ?? contact.host, port: contact.port };
  }

  registeredAt(trunkId: string): string | undefined {
    const others = this.#roster.others();
    return others.find((node) => registeredBy(node).has(trunkId) && this.addressOf(node.name) !== undefined)?.name;
  }

  noteSilent(name: string, process: string | undefined): void {
    const node = this.#roster.others().find((other) => other.name === name);
    if (node === undefined || (process !== undefined && node.process !== process)) return;
    this.#silentSince.set(name, node);
  }

  followed(name: string): void {
    this.#roster.followed?.(name);
  }
}

/** Each process counts its beats anew. */
function isSameTelling(one: KnownNode | undefined, { beat, instance }: KnownNode): boolean {
  return one?.beat === beat && one.instance === instance;
}

/** How another node says that a trunk is which it registers: the one that has trouble with it names it. */
export function trunkElsewhere(roster: NodeRoster, trunkId: string): TrunkHealth | undefined {
  const others = roster.others();
  for (const { trunks } of others) {
    const told = trunks === undefined || !Object.hasOwn(trunks, trunkId) ? undefined : trunks[trunkId];
    if (told !== undefined) return told;
  }
  return others.length === 0
    ? undefined
    : { state: 'online', code: undefined, reason: 'another node registers this trunk' };
}

/** What this node has of the limits that it shares with the others. */
export function useOf({ trunks, guards }: Engine): LimitUse {
  return { ...trunks.capacity.use(), ...guards.use() };
}

/** Told twice a second. */
const MAX_TROUBLES = 1_000;

/**
 * Where this node takes the others' SIP, the calls that count for shared limits, and the trunks that it cannot register.
 * @param ofNode of a worker: the node that it is one of
 */
export function factsOf(engine: Engine, answersQuestions: boolean, ofNode?: string): NodeReport {
  const listener = engine.listening.find(({ transport }) => transport !== 'tls');
  const advertised = listener === undefined ? undefined : engine.endpoint.advertised(listener.transport, 'private');
  const contacts: Partial<Record<TransportName, HostPort>> = {};
  for (const transport of ['udp', 'tcp', 'tls'] as const) {
    const contact = engine.endpoint.advertised(transport);
    if (contact !== undefined) contacts[transport] = contact;
  }
  const registered = engine.registered.registered();
  const shared = {
    ...useOf(engine),
    trunks: engine.trunks.troubles(MAX_TROUBLES),
    contacts,
    signs: true,
    process: engine.process,
    ...(registered.length > 0 ? { registered } : {}),
    ...(engine.calls.draining ? { isDraining: true } : {}),
    ...(answersQuestions ? {} : { answers: false }),
  };
  if (listener === undefined || advertised === undefined) return shared;
  const local = ofNode === undefined ? {} : { local: { node: ofNode, address: localAddress(listener.host) } };
  return {
    sip: { transport: listener.transport, address: advertised.host, port: advertised.port },
    ...local,
    ...shared,
  };
}

/** One that has told nothing for so long is not waited for. */
const SILENT_MS = 2_000;

/**
 * The nodes on the store as the HTTP interface asks them.
 * @param ofNode of a worker: the node that it is one of
 */
export function nodesPort(
  { node, api }: Pick<NodeSettings, 'node' | 'api'>,
  { nodes, questions }: Pick<Stores, 'nodes' | 'questions'>,
  clock: Clock,
  ofNode?: string,
): NodesPort {
  const others = () => (questions === undefined ? [] : nodes.others());
  return {
    self: node,
    others: () => others().map(({ name }) => name),
    named: (wanted) => [
      ...(wanted === node || wanted === ofNode ? [node] : []),
      ...others().flatMap(({ name, local }) => (wanted === name || wanted === local?.node ? [name] : [])),
    ],
    ask: async (name, question, timeoutMs) => {
      const known = nodes.others().find((other) => other.name === name);
      if (questions === undefined || known === undefined || known.answers === false)
        throw new Error(`node ${name} cannot be asked`);
      if (clock.nowMs() - known.heardAtMs > SILENT_MS) throw new Error(`node ${name} is silent`);
      return questions.ask(name, question, timeoutMs);
    },
    answerWith: (answer) => {
      if (api.enabled) questions?.answerWith(answer);
    },
  };
}

/** The store as the HTTP interface asks for it. */
export function storePort(settings: NodeSettings, stores: Stores): StorePort {
  return {
    view: () => {
      const { shared, nodes } = stores;
      const own = shared === undefined ? {} : { store: shared.id, version: shared.version };
      const others = nodes.others().map(({ name, store, version }) => ({
        node: name,
        ...(store === undefined ? {} : { store }),
        ...(version === undefined ? {} : { version }),
      }));
      return {
        kind: settings.store.kind,
        problems: stores.problems(),
        clockOffsetMs: nodes.clockOffsetMs,
        nodes: [{ node: settings.node, ...own }, ...others],
      };
    },
    restore: async () => {
      if (stores.shared === undefined) throw new StateError('a store in files is restored from its backup');
      await stores.shared.restore();
    },
  };
}
