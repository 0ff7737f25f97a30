import type { TokenRecord, UserRecord, Webhook } from '../../api/ports.ts';
import { askedAtStart, START_TIMEOUT_MS } from '../../base/at-start.ts';
import { SettingsError, StateError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Clock } from '../../base/scheduler.ts';
import { lockFolder, prepareFolder } from '../folder.ts';
import { loadStoreKey } from '../key.ts';
import { Sealer } from '../sealer.ts';
import type { RedisStoreSettings, SharedStore, Stores } from '../stores.ts';
import { TrunkLeases } from '../trunk-lease.ts';
import { openIdentity, REPLACED, type StoreIdentity, TOO_NEW } from './identity.ts';
import { type Keys, keysOf, SCHEMA } from './keys.ts';
import { type Copy, type KeptCopy, LastCopy } from './last-copy.ts';
import { RedisLink } from './link.ts';
import { RedisBindings } from './redis-bindings.ts';
import { RedisCalls } from './redis-calls.ts';
import { RedisClaims } from './redis-claims.ts';
import { RedisLeases } from './redis-leases.ts';
import { RedisMessages } from './redis-messages.ts';
import { RedisNodes } from './redis-nodes.ts';
import { RedisProvisioning } from './redis-provisioning.ts';
import { RedisQuestions } from './redis-questions.ts';
import { RedisRecords } from './redis-records.ts';
import { RedisSignIns } from './redis-sign-ins.ts';
import { RedisTallies } from './redis-tallies.ts';
import { Replicas } from './replicas.ts';
import { restoreStore } from './restore.ts';
import { Watch } from './watch.ts';

/** Beyond what any commit may take; each command on that link has a limit of its own, by its size. */
const PROVISIONING_TIMEOUT_MS = 60_000;

export interface RedisContext {
  readonly log: Log;
  readonly clock: Clock;
  readonly environment: NodeJS.ProcessEnv;
  readonly node: string;
}

interface Links {
  readonly signalling: RedisLink;
  readonly provisioning: RedisLink;
  readonly subscriber: RedisLink;
}

/**
 * Opens the store that several nodes share. Without Redis it starts from the last known copy, when this node has one, and says
 * `store-unreachable` until Redis is there. Rejects with a SettingsError that says what to mend.
 */
export async function openRedis(settings: RedisStoreSettings, context: RedisContext): Promise<Stores> {
  const { log } = context;
  prepareFolder(settings.path, log);
  const unlock = lockFolder(settings.path);
  const links = openLinks(settings, log, unlock);
  try {
    const sealer = new Sealer(loadStoreKey(settings.path, context.environment));
    const kept = LastCopy.read(settings.path, sealer, log);
    const copy = kept?.copy;
    const found = await identify(settings, links, sealer, copy, log);
    const isThere = typeof found !== 'string';
    const identity = isThere ? found : identityOf(copy);
    const stores = new RedisStores({ settings, context, links, sealer, kept, identity, unlock });
    const asked = await answerOf(async () => {
      if (links.signalling.isReady) await stores.nodes.claim();
      if (isThere) await stores.read();
    });
    const reason = isThere ? asked.failure : found;
    if (reason !== undefined && copy === undefined) throw unreachable(safeUrl(settings.url), reason);
    if (reason !== undefined) log.error('started-from-last-copy', { error: reason });
    return stores.start();
  } catch (error) {
    for (const link of Object.values(links)) link.close();
    unlock();
    throw error;
  }
}

function openLinks(settings: RedisStoreSettings, log: Log, unlock: () => void): Links {
  try {
    if (settings.tls !== undefined && !settings.url.startsWith('rediss:'))
      throw new Error('needs a url that begins with rediss://');
    return {
      signalling: new RedisLink(settings, { log }),
      provisioning: new RedisLink(settings, { log, commandTimeoutMs: PROVISIONING_TIMEOUT_MS }),
      subscriber: new RedisLink(settings, { log }),
    };
  } catch (error) {
    // A file of `tls` that cannot be read.
    unlock();
    throw new SettingsError([{ code: 'store-tls', path: 'store.tls', message: (error as Error).message }]);
  }
}

/** Which store Redis holds; why the copy has to do when it cannot be reached, or is not the one that this node has worked with. */
async function identify(
  settings: RedisStoreSettings,
  { signalling, provisioning, subscriber }: Links,
  sealer: Sealer,
  copy: Copy | undefined,
  log: Log,
): Promise<StoreIdentity | string> {
  const ready = await Promise.all([signalling, provisioning, subscriber].map((link) => link.ready(START_TIMEOUT_MS)));
  const where = safeUrl(settings.url);
  const keys = keysOf(settings.keyPrefix);
  const isReady = ready.every(Boolean);
  const found: Answer<StoreIdentity | string> = isReady
    ? await answerOf(() =>
        provisioning.within(START_TIMEOUT_MS, identityIn(provisioning, keys, sealer, where, copy, log)),
      )
    : { failure: signalling.lastError === '' ? 'no answer' : signalling.lastError };
  if (found.failure === undefined) return found.value;
  if (copy !== undefined) return found.failure;
  throw unreachable(where, found.failure);
}

async function identityIn(
  link: RedisLink,
  keys: Keys,
  sealer: Sealer,
  where: string,
  copy: Copy | undefined,
  log: Log,
): Promise<StoreIdentity | string> {
  // An empty or exchanged Redis is not taken for the store: that would take every tenant out of service.
  if (copy !== undefined) {
    const id = (await link.command('HGET', keys.meta, 'id')) as Buffer | null;
    if (id === null || String(id) !== copy.storeId)
      return `${where} ${id === null ? 'is empty' : 'holds another store'}`;
  }
  return openIdentity(link, keys, sealer, where, log);
}

type Answer<T> = { readonly value: T; readonly failure?: undefined } | { readonly failure: string };

/**
 * What Redis answers, or why it does not, though it was asked again for as long as a start waits, before it goes on from the last known
 * copy. Rejects with a SettingsError only.
 */
async function answerOf<T>(ask: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await askedAtStart(ask, (error) => !(error instanceof SettingsError)) };
  } catch (error) {
    if (error instanceof SettingsError) throw error;
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

function unreachable(where: string, reason: string): SettingsError {
  const message = `${where}: ${reason}; this node has no copy to start from`;
  return new SettingsError([{ code: 'store-unreachable', path: 'store.url', message }]);
}

function identityOf(copy: Copy | undefined): StoreIdentity {
  if (copy === undefined) throw new Error('neither Redis nor a copy');
  return { id: copy.storeId, nonceSecret: new Uint8Array(Buffer.from(copy.nonceSecret, 'hex')) };
}

/** Without user and password. */
function safeUrl(url: string): string {
  const parsed = new URL(url);
  return `${parsed.protocol}//${parsed.host}`;
}

interface Parts {
  readonly settings: RedisStoreSettings;
  readonly context: RedisContext;
  readonly links: Links;
  readonly sealer: Sealer;
  readonly kept: KeptCopy | undefined;
  readonly identity: StoreIdentity;
  readonly unlock: () => void;
}

class RedisStores implements Stores {
  readonly provisioning: RedisProvisioning;
  readonly bindings: RedisBindings;
  readonly signIns: RedisSignIns;
  readonly calls: RedisCalls;
  readonly messages: RedisMessages;
  readonly claims: RedisClaims;
  readonly tallies: RedisTallies;
  readonly tokens: RedisRecords<TokenRecord>;
  readonly users: RedisRecords<UserRecord>;
  readonly webhooks: RedisRecords<Webhook>;
  readonly trunkLease: TrunkLeases;
  readonly nodes: RedisNodes;
  readonly questions: RedisQuestions;
  readonly nonceSecret: Uint8Array;
  readonly #parts: Omit<Parts, 'kept'>;
  readonly #leases: RedisLeases;
  readonly #lastCopy: LastCopy;
  #watch: Watch | undefined = undefined;
  #isReplaced = false;
  #isTooNew = false;
  /** After which write of records they were read; undefined: not known. */
  #recordsRead: string | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;

  constructor(parts: Parts) {
    // What was read of the copy is let go of when what Redis has of it is served.
    const { kept, ...lasting } = parts;
    const { settings, context, links, sealer, identity } = lasting;
    const { log, node, clock } = context;
    const copy = kept?.copy;
    const keys = keysOf(settings.keyPrefix);
    // What all nodes have in common, whatever their own clocks say.
    const shared: Clock = { nowMs: () => clock.nowMs(), wallMs: () => clock.wallMs() - this.nodes.clockOffsetMs };
    const refusal = () => (this.#isReplaced ? REPLACED : this.#isTooNew ? TOO_NEW : undefined);
    this.#parts = lasting;
    this.nonceSecret = identity.nonceSecret;
    this.#lastCopy = new LastCopy(settings.path, sealer, log, () => this.#copy(), kept);
    const replicas = settings.sentinel === undefined ? undefined : new Replicas(links.provisioning, log);
    this.provisioning = new RedisProvisioning({
      link: links.provisioning,
      keys,
      sealer,
      storeId: identity.id,
      log,
      replicas,
      copy: copy?.provisioned,
      copyToken: copy?.changeToken,
      refusal,
      onState: () => this.#lastCopy.changed(),
    });
    const inRedis = { link: links.signalling, keys, storeId: identity.id, node, log };
    this.bindings = new RedisBindings({ ...inRedis, clock: shared });
    this.signIns = new RedisSignIns(links.signalling, keys.signIns, shared);
    this.messages = new RedisMessages(links.signalling, keys, sealer, identity.id);
    this.claims = new RedisClaims(links.signalling, keys.claims);
    this.tallies = new RedisTallies(inRedis);
    this.#leases = new RedisLeases(links.signalling, keys, node);
    this.trunkLease = new TrunkLeases(this.#leases);
    this.nodes = new RedisNodes({ ...inRedis, clock, version: () => this.provisioning.copy.version });
    this.calls = new RedisCalls({ link: links.signalling, keys, node, clock, roster: this.nodes });
    this.questions = new RedisQuestions({
      link: links.provisioning,
      subscriber: links.subscriber,
      keys,
      sealer,
      node,
      nowMs: () => shared.wallMs(),
      log,
    });
    const guarded = { storeId: identity.id, meta: keys.meta, channel: keys.channel, refusal };
    const { signalling: link, provisioning: writing } = links;
    const records = { link, writing, replicas, sealer, log, ...guarded, onChange: () => this.#lastCopy.changed() };
    this.tokens = new RedisRecords({ ...records, key: keys.tokens, kind: 'tokens' }, copy?.tokens);
    this.users = new RedisRecords({ ...records, key: keys.users, kind: 'users' }, copy?.users);
    this.webhooks = new RedisRecords({ ...records, key: keys.webhooks, kind: 'webhooks' }, copy?.webhooks);
  }

  /** Everything that is served from memory; the copy has it then. */
  async read(): Promise<void> {
    await this.provisioning.read();
    await this.#readRecords();
    this.#lastCopy.changed();
    await this.#lastCopy.flush();
  }

  async #readRecords(): Promise<boolean> {
    const read = await Promise.all([this.tokens.read(), this.users.read(), this.webhooks.read()]);
    return !read.includes(false);
  }

  /** This was the last write of them, at whichever node. */
  #seenRecords(last: string): void {
    if (last === this.#recordsRead) return;
    this.#recordsRead = last;
    this.#readRecords().then(
      (isRead) => {
        if (!isRead) this.#recordsRead = undefined;
      },
      // Closed.
      () => {},
    );
  }

  start(): this {
    const { links, context, settings, identity } = this.#parts;
    this.#watch = new Watch(
      {
        links: [links.signalling, links.provisioning],
        subscriber: links.subscriber,
        keys: keysOf(settings.keyPrefix),
        log: context.log,
        onAnswer: ({ id, place, bindings, schema, tallies, records, askedAtMs }) => {
          this.#noteIdentity(id === identity.id);
          this.#noteSchema(schema);
          if (this.#isReplaced) return;
          this.provisioning.seen(place, askedAtMs);
          this.bindings.seen(bindings);
          this.tallies.seen(tallies);
          this.#seenRecords(records);
        },
      },
      links.signalling.isReady && links.provisioning.isReady,
    );
    return this;
  }

  problems(): readonly string[] {
    if (this.#watch?.isReachable !== true) return ['store-unreachable'];
    const ofStore = this.#isReplaced ? ['store-replaced'] : this.#isTooNew ? ['store-too-new'] : [];
    return [...ofStore, ...this.nodes.problems()];
  }

  get shared(): SharedStore {
    return {
      id: this.#parts.identity.id,
      version: this.provisioning.copy.version,
      restore: () => this.#restore(),
    };
  }

  async #restore(): Promise<void> {
    const { links, sealer, identity, settings, context } = this.#parts;
    links.provisioning.mustBeReady();
    if (!this.#isReplaced) throw new StateError('the store is where it was');
    const version = this.provisioning.copy.version;
    const others = this.nodes.others().filter(({ store }) => store === identity.id);
    const later = others.find((other) => (other.version ?? 0) > version);
    if (later !== undefined)
      throw new StateError(`node ${later.name} has a later copy: version ${later.version}, here ${version}`);
    const keys = keysOf(settings.keyPrefix);
    const sequence = context.clock.wallMs();
    await restoreStore({ link: links.provisioning, keys, sealer, copy: this.#copy(), version, sequence });
    context.log.warn('store-restored', { version: version + 1 });
    this.#watch?.ask();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { links, unlock } = this.#parts;
    await this.#watch?.close();
    await Promise.all([this.#leases.close(), this.nodes.close()]);
    this.provisioning.close();
    this.bindings.close();
    for (const link of Object.values(links)) link.close();
    await this.#lastCopy.flush();
    unlock();
  }

  #noteIdentity(isSame: boolean): void {
    if (!isSame && !this.#isReplaced) this.#parts.context.log.error('store-replaced');
    this.#isReplaced = !isSame;
  }

  #noteSchema(schema: number): void {
    const isTooNew = schema > SCHEMA;
    if (isTooNew && !this.#isTooNew) this.#parts.context.log.error('store-too-new', { schema, known: SCHEMA });
    this.#isTooNew = isTooNew;
  }

  #copy(): Copy {
    return {
      storeId: this.#parts.identity.id,
      nonceSecret: Buffer.from(this.nonceSecret).toString('hex'),
      provisioned: this.provisioning.copy,
      changeToken: this.provisioning.copyToken,
      tokens: this.tokens.copy,
      users: this.users.copy,
      webhooks: this.webhooks.copy,
    };
  }
}
