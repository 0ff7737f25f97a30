import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { defined } from '../base/defined.ts';
import { Latest } from '../base/latest.ts';
import { OneAtATime } from '../base/one-at-a-time.ts';
import type { Clock } from '../base/scheduler.ts';
import type { Role, TokenRecord, TokenStore } from './ports.ts';
import { ApiProblem } from './problem.ts';

/** Who asks. */
export interface Identity {
  /** For the audit log: `token:<id>`, `user:<name>` or `owner`. */
  readonly actor: string;
  readonly role: Role;
  readonly tenant?: string;
  /** The owner of this machine, by the token file that only its user can read. May read secrets back (export). */
  readonly owner: boolean;
  readonly expiresAtMs?: number;
  /** Absent for the owner. */
  readonly tokenId?: string;
  /** Sees what its role sees, and changes nothing. */
  readonly readOnly?: boolean;
  /** Somebody signed in to the console. */
  readonly user?: string;
  /** Another node asks, in the name of somebody whom it has let in. */
  readonly ofNode?: boolean;
  /** The session of a browser; absent for whoever shows a bearer token. */
  readonly session?: TokenRecord;
}

interface WantedToken extends Pick<TokenRecord, 'role' | 'readOnly' | 'tenant' | 'label'> {
  readonly expiresInSeconds?: number;
}

const SECRET_OCTETS = 32;
const TOKEN_FORM = /^tdm_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
const BOOTSTRAP_ID = 'bootstrap';
/** No token is made with this id. */
const NO_ID = 'none';
const HASH_PREFIX = '$sha256$';
const DIGEST_OCTETS = 32;
/** What a token of no record is compared with, the same way as with one: no token has this digest. */
const NOBODY: TokenRecord = {
  id: '',
  role: 'tenant-admin',
  hash: hashOf(Buffer.alloc(32)),
  createdAt: '',
  createdBy: '',
};
const REMEMBERED = 1000;
/** How long the record of a token that has ended is listed, and how many of one tenant. */
const ENDED_KEPT_MS = 30 * 86_400_000;
const ENDED_KEPT_PER_TENANT = 1000;
const MIN_BOOTSTRAP_LENGTH = 16;

/** Makes a token for the owner of this machine, and leaves it in a file that only its user can read. */
export function writeOwnerToken(path: string): string {
  const token = `tdm_owner_${randomBytes(SECRET_OCTETS).toString('base64url')}`;
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${token}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
  return token;
}

/**
 * Bearer tokens: made once, shown once, kept as SHA-256 hashes: their 256 random bits are beyond guessing, so that a slow hash would
 * protect nobody and cost everybody. A token names its record (`tdm_<id>_<secret>`); a refusal takes the same path and time whether
 * there is such a record or not. Records of tokens that have ended are removed when further ones are made.
 */
export class Tokens {
  readonly #store: TokenStore;
  readonly #clock: Clock;
  /** How many of one tenant are good at once. */
  readonly #perTenant: number;
  /** Tokens are made one after the other, so that the count of a tenant's holds, and none while all of a tenant end. */
  readonly #making = new OneAtATime();
  /** Digests of tokens that were good. */
  readonly #remembered = new Latest<string, true>(REMEMBERED);
  #ownerDigest: Buffer | undefined;
  /** Of a record that was there when it was asked for last. */
  #presentId: string | undefined;
  /** Of requests that this process makes of itself for another node. */
  readonly #lent = new Map<string, Identity>();

  constructor(store: TokenStore, clock: Clock, perTenant: number) {
    this.#store = store;
    this.#clock = clock;
    this.#perTenant = perTenant;
  }

  /**
   * Makes sure that a system admin can sign in: takes `TANDEM_BOOTSTRAP_TOKEN` the first time it is set; without it and without any
   * system-admin token, makes one and returns it, to be printed once.
   */
  async bootstrap(given: string | undefined): Promise<string | undefined> {
    if (given !== undefined && given !== '') {
      if (given.length < MIN_BOOTSTRAP_LENGTH) {
        throw new Error(`TANDEM_BOOTSTRAP_TOKEN must have at least ${MIN_BOOTSTRAP_LENGTH} characters`);
      }
      const known = await this.#store.get(BOOTSTRAP_ID);
      if (known === undefined) await this.#put(BOOTSTRAP_ID, given, 'TANDEM_BOOTSTRAP_TOKEN', { role: 'system-admin' });
      return undefined;
    }
    const records = await this.list();
    if (records.some((record) => record.role === 'system-admin' && record.revokedAt === undefined)) return undefined;
    const { token } = await this.create({ role: 'system-admin', label: 'first start' }, 'first-start');
    return token;
  }

  /** Takes the token of the owner of this machine, good until the engine ends. */
  takeOwnerToken(token: string): void {
    this.#ownerDigest = digest(token);
  }

  /** Runs something with a token that stands for this identity until it is over. */
  async lend<T>(identity: Identity, run: (token: string) => Promise<T>): Promise<T> {
    const token = randomBytes(SECRET_OCTETS).toString('base64url');
    this.#lent.set(token, identity);
    try {
      return await run(token);
    } finally {
      this.#lent.delete(token);
    }
  }

  /**
   * Throws an ApiProblem when the tenant has as many as it may have.
   *
   * @param require asked when its turn has come; what it throws is the answer
   */
  create(
    wanted: WantedToken,
    createdBy: string,
    require?: () => void,
  ): Promise<{ record: TokenRecord; token: string }> {
    return this.#making.run(() => {
      require?.();
      return this.#create(wanted, createdBy);
    });
  }

  async #create(wanted: WantedToken, createdBy: string): Promise<{ record: TokenRecord; token: string }> {
    const records = await this.list();
    if (wanted.tenant !== undefined) this.#requireRoom(wanted.tenant, records);
    await this.#forgetEnded(records);
    const id = randomBytes(8).toString('hex');
    const token = `tdm_${id}_${randomBytes(SECRET_OCTETS).toString('base64url')}`;
    const record = await this.#put(id, token, createdBy, wanted);
    return { record, token };
  }

  #requireRoom(tenant: string, records: readonly TokenRecord[]): void {
    const good = records.filter((record) => record.tenant === tenant && this.isValid(record)).length;
    if (good < this.#perTenant) return;
    throw new ApiProblem(
      409,
      'too-many-tokens',
      `tenant ${tenant} has ${good} tokens, and may have ${this.#perTenant}; revoke one`,
    );
  }

  /** The audit log keeps who made and ended them. A bootstrap token that was revoked must not come back with the next start. */
  async #forgetEnded(records: readonly TokenRecord[]): Promise<void> {
    const kept = new Map<string, number>();
    const latestFirst = records
      .filter((record) => record.id !== BOOTSTRAP_ID && !this.isValid(record))
      .sort((a, b) => endOf(b) - endOf(a));
    for (const record of latestFirst) {
      const owner = record.tenant ?? '';
      const count = kept.get(owner) ?? 0;
      kept.set(owner, count + 1);
      const isRecent = this.#clock.wallMs() - endOf(record) < ENDED_KEPT_MS;
      if (!isRecent || count >= ENDED_KEPT_PER_TENANT) await this.#store.delete(record.id);
    }
  }

  async #put(id: string, token: string, createdBy: string, wanted: WantedToken): Promise<TokenRecord> {
    const nowMs = this.#clock.wallMs();
    const record: TokenRecord = {
      id,
      role: wanted.role,
      ...(wanted.readOnly === true ? { readOnly: true } : {}),
      ...defined({ tenant: wanted.tenant, label: wanted.label }),
      hash: hashOf(digest(token)),
      createdAt: new Date(nowMs).toISOString(),
      createdBy,
      ...(wanted.expiresInSeconds === undefined
        ? {}
        : { expiresAt: new Date(nowMs + wanted.expiresInSeconds * 1000).toISOString() }),
    };
    await this.#store.put(record);
    return record;
  }

  /** Bearer tokens; sessions of browsers are none. */
  async list(): Promise<readonly TokenRecord[]> {
    return (await this.#store.list()).filter(({ kind }) => kind === undefined);
  }

  /** A token or session by its id. */
  get(id: string): Promise<TokenRecord | undefined> {
    return this.#store.get(id);
  }

  /** The record stays in the list for a while, so that whoever reads it sees what ended. */
  async revoke({ id }: TokenRecord): Promise<void> {
    const latest = await this.#store.get(id);
    if (latest === undefined) return;
    await this.#store.put({ ...latest, revokedAt: new Date(this.#clock.wallMs()).toISOString() });
  }

  /** Whether this token was good before; it may have ended since. */
  isRemembered(token: string): boolean {
    const presented = digest(token);
    const isOwner = this.#ownerDigest !== undefined && timingSafeEqual(presented, this.#ownerDigest);
    return isOwner || this.#lent.has(token) || this.#remembered.has(presented.toString('hex'));
  }

  /** Those that are good; none like them is being made meanwhile. @param revoked hears of each */
  revokeAll(isOver: (token: TokenRecord) => boolean, revoked: (token: TokenRecord) => void): Promise<void> {
    return this.#making.run(async () => {
      for (const record of await this.list()) {
        if (!isOver(record) || !this.isValid(record)) continue;
        await this.revoke(record);
        revoked(record);
      }
    });
  }

  /** Who this token is, or undefined: unknown, wrong, expired and revoked are told apart to nobody. */
  async identify(token: string): Promise<Identity | undefined> {
    const lent = this.#lent.get(token);
    if (lent !== undefined) return lent;
    const presented = digest(token);
    if (this.#ownerDigest !== undefined && timingSafeEqual(presented, this.#ownerDigest)) {
      return { actor: 'owner', role: 'system-admin', owner: true };
    }
    const id = TOKEN_FORM.exec(token)?.[1] ?? BOOTSTRAP_ID;
    const found = await this.#store.get(id);
    if (found !== undefined) this.#presentId = id;
    const identity = this.#identityOf(found ?? NOBODY, presented);
    if (identity === undefined) await this.#lookUpDecoy(found !== undefined);
    return identity;
  }

  #identityOf(record: TokenRecord, presented: Buffer): Identity | undefined {
    const isRight = isHashOf(record.hash, presented);
    if (!isRight || record.kind !== undefined) return undefined;
    this.#remembered.set(presented.toString('hex'), true);
    if (!this.isValid(record)) return undefined;
    return {
      actor: `token:${record.id}`,
      role: record.role,
      ...defined({ tenant: record.tenant }),
      owner: false,
      ...(record.readOnly === true ? { readOnly: true } : {}),
      ...(record.expiresAt === undefined ? {} : { expiresAtMs: Date.parse(record.expiresAt) }),
      tokenId: record.id,
    };
  }

  /**
   * A store answers sooner of what it does not have. Whoever is refused has waited for one record that there is and for one that there is
   * not, and learns nothing of which was whose.
   */
  async #lookUpDecoy(wasFound: boolean): Promise<void> {
    if (wasFound) {
      await this.#store.get(NO_ID);
      return;
    }
    this.#presentId ??= (await this.#store.list())[0]?.id;
    if (this.#presentId === undefined || (await this.#store.get(this.#presentId)) !== undefined) return;
    this.#presentId = undefined;
  }

  /** Whether the record still admits somebody. */
  isValid(record: TokenRecord): boolean {
    if (record.revokedAt !== undefined) return false;
    return record.expiresAt === undefined || Date.parse(record.expiresAt) > this.#clock.wallMs();
  }
}

export function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export function hashOf(presented: Buffer): string {
  return `${HASH_PREFIX}${presented.toString('base64')}`;
}

export function isHashOf(hash: string, presented: Buffer): boolean {
  return timingSafeEqual(presented, digestIn(hash));
}

/** Of a record whose hash cannot be read: what no token has. */
function digestIn(hash: string): Buffer {
  const expected = Buffer.from(hash.startsWith(HASH_PREFIX) ? hash.slice(HASH_PREFIX.length) : '', 'base64');
  return expected.length === DIGEST_OCTETS ? expected : Buffer.alloc(DIGEST_OCTETS);
}

/** When a token stopped to admit anybody, ms of the wall clock. */
function endOf({ revokedAt, expiresAt }: TokenRecord): number {
  return Math.min(
    revokedAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(revokedAt),
    expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt),
  );
}
