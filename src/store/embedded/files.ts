import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { CallChanges, SaidCall } from '../../call/index.ts';
import type { Claim, MessageRow, UserHeard } from '../../messages/index.ts';
import type { AddressClaim } from '../../provisioning/directory/precedence.ts';
import type { ProvisioningCommit } from '../../provisioning/directory/store.ts';
import type { Extension, Tenant } from '../../provisioning/tenants/schema.ts';
import type { TrunkSettings } from '../../provisioning/trunk-settings/schema.ts';
import type { BindingChange } from '../../registrar/ports.ts';
import type { TallyAddition } from '../../trunks/tallies.ts';
import { Sealer } from '../sealer.ts';
import { LiveFile } from './live-file.ts';
import { MessageFile } from './message-file.ts';
import { ProvisioningFile } from './provisioning-file.ts';

export interface EmbeddedFilesOptions {
  readonly folder: string;
  readonly storeKey: Uint8Array;
  readonly wallMs: number;
}

/** What a part of a commit writes. */
export interface PartialPut extends Pick<ProvisioningCommit, 'putTenants' | 'putTrunks'> {
  /** Of the last tenant before, which has too many for one part; they come before `putTenants`. */
  readonly moreExtensions: readonly Extension[];
}

/** Some of what a commit writes. */
export interface CommitPart extends PartialPut {
  /** What was staged before belongs to a commit that never came. */
  readonly isFirst: boolean;
}

/** The rest of a commit, or all of it. */
export interface LastPart extends ProvisioningCommit, PartialPut {
  readonly isStaged: boolean;
}

interface Staged {
  readonly putTenants: readonly Tenant[];
  readonly putTrunks: readonly TrunkSettings[];
}

const NOTHING: Staged = { putTenants: [], putTrunks: [] };

function withPart(staged: Staged, part: PartialPut): Staged {
  const putTenants = [...staged.putTenants];
  const last = putTenants.at(-1);
  if (last !== undefined && part.moreExtensions.length > 0)
    putTenants[putTenants.length - 1] = { ...last, extensions: [...last.extensions, ...part.moreExtensions] };
  return { putTenants: [...putTenants, ...part.putTenants], putTrunks: [...staged.putTrunks, ...part.putTrunks] };
}

function completed(staged: Staged, { isStaged: _, moreExtensions, ...commit }: LastPart): ProvisioningCommit {
  return { ...commit, ...withPart(staged, { ...commit, moreExtensions }) };
}

/** What has an id and is none of what is provisioned. */
export type RecordKind = 'token' | 'user' | 'webhook';

export interface PlacedRecord {
  readonly kind: RecordKind;
  readonly id: string;
}

/** The three files of the store; each operation is one transaction. Runs in the worker thread. */
export class EmbeddedFiles {
  readonly #provisioning: ProvisioningFile;
  readonly #live: LiveFile;
  readonly #messages: MessageFile;
  #staged: Staged = NOTHING;

  constructor({ folder, storeKey, wallMs }: EmbeddedFilesOptions) {
    const sealer = new Sealer(storeKey);
    this.#provisioning = new ProvisioningFile(join(folder, 'provisioning.db'), sealer);
    const opened: { close(): void }[] = [this.#provisioning];
    try {
      this.#live = new LiveFile(join(folder, 'live.db'), wallMs);
      opened.push(this.#live);
      this.#messages = new MessageFile(join(folder, 'messages.db'), sealer);
    } catch (error) {
      for (const file of opened) file.close();
      throw error;
    }
  }

  load = () => this.#provisioning.load();
  /** A part of the commit that comes next. */
  stage = ({ isFirst, ...part }: CommitPart) => {
    if (isFirst) this.#staged = NOTHING;
    this.#staged = withPart(this.#staged, part);
  };
  commit = (last: LastPart) => {
    const staged = last.isStaged ? this.#staged : NOTHING;
    this.#staged = NOTHING;
    return this.#provisioning.commit(completed(staged, last));
  };
  record = ({ kind, id }: PlacedRecord): unknown => this.#provisioning.get(kind, id);
  records = (kind: RecordKind): unknown[] => this.#provisioning.all(kind);
  putRecord = ({ kind, id, record }: PlacedRecord & { readonly record: object }) =>
    this.#provisioning.put(kind, id, record);
  deleteRecord = ({ kind, id }: PlacedRecord) => this.#provisioning.delete(kind, id);
  replaceRecord = ({ before, after, ...record }: PlacedRecord & Record<'before' | 'after', object | undefined>) => {
    if (!isDeepStrictEqual(this.record(record), before)) return false;
    if (after === undefined) this.deleteRecord(record);
    else this.putRecord({ ...record, record: after });
    return true;
  };
  nonceSecret = () => this.#provisioning.nonceSecret();
  loadBindings = () => this.#live.loadBindings();
  writeBindings = (changes: readonly BindingChange[]) => this.#live.writeBindings(changes);
  signIns = () => this.#live.signIns();
  addSignIns = (pairs: readonly string[]) => this.#live.addSignIns(pairs);
  calls = () => this.#live.calls();
  writeCalls = (changes: CallChanges) => this.#live.writeCalls(changes);
  callFate = (call: SaidCall) => this.#live.fate(call);
  addMessages = ({ rows, heard }: { readonly rows: readonly MessageRow[]; readonly heard: readonly UserHeard[] }) =>
    this.#messages.add(rows, heard);
  saveMessages = (rows: readonly MessageRow[]) => this.#messages.save(rows);
  message = (id: string) => this.#messages.get(id);
  messageByRemoteKey = (key: string) => this.#messages.byRemoteKey(key);
  claimMessages = (claim: Claim) => this.#messages.claim(claim);
  listMessages = (page: { readonly tenant: string | undefined; readonly offset: number; readonly limit: number }) =>
    this.#messages.list(page.tenant, page.offset, page.limit);
  heard = (key: string) => this.#messages.heard(key);
  forgetMessages = (beforeMs: number) => this.#messages.forget(beforeMs);
  tallies = () => this.#live.tallies();
  addTallies = ({ additions, wallMs }: { readonly additions: readonly TallyAddition[]; readonly wallMs: number }) =>
    this.#live.addTallies(additions, wallMs);
  claims = () => this.#live.claims();
  keepClaims = (claims: readonly AddressClaim[]) => this.#live.keepClaims(claims);
  forgetClaims = (claims: readonly AddressClaim[]) => this.#live.forgetClaims(claims);

  /** Writes to each file what it holds already. Throws when one cannot be written. */
  probe = () => {
    this.#provisioning.probe();
    this.#live.probe();
    this.#messages.probe();
  };

  close(): void {
    this.#messages.close();
    this.#live.close();
    this.#provisioning.close();
  }
}

/** Everything that can be asked of the files. */
export type FileOperations = Omit<EmbeddedFiles, 'close'>;
