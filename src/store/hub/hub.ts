/**
 * The embedded store of a machine with several workers: this process has the files, the workers ask it, and it tells each what the
 * others did. Leases and what workers say of themselves are in its memory: they end with it, as the workers do.
 */

import type { Scheduler } from '../../base/scheduler.ts';
import type { CallChanges, KeptCalls } from '../../call/index.ts';
import type { BindingChange } from '../../registrar/ports.ts';
import type { LimitUse } from '../../trunks/shared-limits.ts';
import type { TallyAddition } from '../../trunks/tallies.ts';
import type { CommitPart, LastPart, PlacedRecord } from '../embedded/files.ts';
import type { EmbeddedContext } from '../embedded/open.ts';
import { WorkerClient } from '../embedded/worker-client.ts';
import { lockFolder, prepareFolder } from '../folder.ts';
import { loadStoreKey } from '../key.ts';
import { faultOf } from '../pending-orders.ts';
import type { NodeReport } from '../stores.ts';
import { callsOf, keptAs } from './kept-calls.ts';
import type { FromHub, Notice, Order, Told } from './protocol.ts';

/** A worker as the hub sees it. */
interface Member {
  readonly name: string;
  readonly index: number;
  send(message: FromHub): void;
  /** Parts of a commit that are held until its last one comes: commits of two workers do not mix. */
  staged: CommitPart[];
  report: NodeReport | undefined;
}

interface HeldLease {
  readonly holder: Member;
  readonly untilMs: number;
}

export class StoreHub {
  readonly #workers: number;
  readonly #files: WorkerClient;
  readonly #scheduler: Scheduler;
  readonly #unlock: () => void;
  readonly #members = new Map<string, Member>();
  readonly #leases = new Map<string, HeldLease>();

  private constructor(workers: number, files: WorkerClient, scheduler: Scheduler, unlock: () => void) {
    this.#workers = workers;
    this.#files = files;
    this.#scheduler = scheduler;
    this.#unlock = unlock;
  }

  /** Opens the files in `folder`. Rejects with a SettingsError that says what to mend. */
  static async open(
    folder: string,
    workers: number,
    { log, scheduler, environment }: EmbeddedContext,
  ): Promise<StoreHub> {
    prepareFolder(folder, log);
    const unlock = lockFolder(folder);
    try {
      const storeKey = loadStoreKey(folder, environment);
      const files = await WorkerClient.open({ folder, storeKey, wallMs: scheduler.wallMs() });
      return new StoreHub(workers, files, scheduler, unlock);
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** A worker is there: what it says comes to `receive`, until `leave`. */
  join(name: string, index: number, send: (message: FromHub) => void) {
    const member: Member = { name, index, send, staged: [], report: undefined };
    this.#members.set(name, member);
    return {
      receive: (order: Order) => void this.#serve(member, order),
      leave: () => this.#leave(member),
    };
  }

  async close(): Promise<void> {
    await this.#files.close();
    this.#unlock();
  }

  #leave(member: Member): void {
    if (this.#members.get(member.name) !== member) return;
    this.#members.delete(member.name);
    for (const [name, { holder }] of this.#leases) if (holder === member) this.#leases.delete(name);
    this.#tellOthers(member, { kind: 'left', worker: member.name });
  }

  async #serve(member: Member, { id, operation, argument }: Order): Promise<void> {
    let answer: FromHub;
    try {
      answer = { kind: 'answer', id, value: await this.#run(member, operation, argument) };
    } catch (error) {
      answer = { kind: 'answer', id, fault: faultOf(error) };
    }
    member.send(answer);
  }

  async #run(member: Member, operation: Order['operation'], argument: unknown): Promise<unknown> {
    switch (operation) {
      case 'acquireLeases':
        return this.#acquire(member, argument as { names: readonly string[]; ttlMs: number });
      case 'releaseLease':
        if (this.#leases.get(argument as string)?.holder === member) this.#leases.delete(argument as string);
        return undefined;
      case 'others':
        return this.#toldBesides(member);
      case 'tell':
        member.report = argument as NodeReport;
        this.#tellOthers(member, { kind: 'told', worker: member.name, report: member.report });
        return undefined;
      case 'tellUse':
        member.report = { ...member.report, ...(argument as LimitUse) };
        this.#tellOthers(member, { kind: 'used', worker: member.name, use: argument as LimitUse });
        return undefined;
      case 'stage':
        member.staged = (argument as CommitPart).isFirst
          ? [argument as CommitPart]
          : [...member.staged, argument as CommitPart];
        return undefined;
      case 'commit':
        return this.#commit(member, argument as LastPart);
      case 'writeBindings':
        return this.#bind(member, argument as readonly BindingChange[]);
      case 'addTallies':
        return this.#count(member, argument as { additions: readonly TallyAddition[]; wallMs: number });
      case 'calls':
        return this.#calls(member);
      case 'writeCalls':
        return this.#files.ask('writeCalls', keptAs(member.index, argument as CallChanges));
      default: {
        const value = await this.#files.ask(operation, ...([argument] as never));
        const isWebhook = (argument as Partial<PlacedRecord> | undefined)?.kind === 'webhook';
        if (isWebhook && value !== false && /^(put|delete|replace)Record$/.test(operation))
          this.#tellOthers(member, { kind: 'webhooks' });
        return value;
      }
    }
  }

  /** What is asked of the files in one turn is done in that order, with nothing in between. */
  async #commit(member: Member, last: LastPart): Promise<unknown> {
    const parts = last.isStaged ? member.staged : [];
    member.staged = [];
    const staged = parts.map((part) => this.#files.ask('stage', part));
    const [result] = await Promise.all([this.#files.ask('commit', last), ...staged]);
    if (result.outcome === 'committed') {
      const { version } = result;
      for (const part of parts) this.#tellOthers(member, { kind: 'staged', part });
      this.#tellOthers(member, { kind: 'provisioned', version, last });
    }
    return result;
  }

  async #bind(member: Member, changes: readonly BindingChange[]): Promise<void> {
    await this.#files.ask('writeBindings', changes);
    this.#tellOthers(member, { kind: 'bound', changes });
  }

  async #count(member: Member, added: { additions: readonly TallyAddition[]; wallMs: number }): Promise<number[]> {
    const totals = await this.#files.ask('addTallies', added);
    this.#tellOthers(member, {
      kind: 'tallied',
      totals: added.additions.map(({ key, untilMs }, at) => ({ key, untilMs, total: totals[at] ?? 0 })),
    });
    return totals;
  }

  /** Those of this worker; the first one takes what no worker would. */
  async #calls(member: Member): Promise<KeptCalls> {
    const all = await this.#files.ask('calls');
    const { kept, moved } = callsOf(member.index, all, this.#workers);
    if (moved !== undefined) await this.#files.ask('writeCalls', moved);
    return kept;
  }

  #toldBesides(member: Member): Told[] {
    const told: Told[] = [];
    for (const other of this.#members.values())
      if (other !== member && other.report !== undefined) told.push({ worker: other.name, report: other.report });
    return told;
  }

  #acquire(holder: Member, { names, ttlMs }: { names: readonly string[]; ttlMs: number }): boolean[] {
    const nowMs = this.#scheduler.nowMs();
    return names.map((name) => {
      const held = this.#leases.get(name);
      if (held !== undefined && held.holder !== holder && held.untilMs > nowMs) return false;
      this.#leases.set(name, { holder, untilMs: nowMs + ttlMs });
      return true;
    });
  }

  #tellOthers(member: Member, notice: Notice): void {
    for (const other of this.#members.values()) if (other !== member) other.send({ kind: 'notice', notice });
  }
}
