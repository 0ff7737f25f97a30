import { argon2, createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../base/scheduler.ts';
import type { Role, TokenRecord, TokenStore } from './ports.ts';
import { ApiProblem } from './problem.ts';

/** Who asks. */
export interface Identity {
  /** For the audit log: `token:<id>` or `owner`. */
  readonly actor: string;
  readonly role: Role;
  readonly tenant?: string;
  /** The owner of this machine, by the token file that only its user can read. May read secrets back (export). */
  readonly owner: boolean;
  readonly expiresAtMs?: number;
  /** Absent for the owner. */
  readonly tokenId?: string;
}

interface WantedToken {
  readonly role: Role;
  readonly tenant?: string;
  readonly expiresInSeconds?: number;
  readonly label?: string;
}

const ARGON2 = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 };
const SECRET_OCTETS = 32;
const TOKEN_FORM = /^tdm_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
const BOOTSTRAP_ID = 'bootstrap';
const CACHE_SIZE = 1000;
const MIN_BOOTSTRAP_LENGTH = 16;
const DEFAULT_TOKENS_PER_TENANT = 100;
/** Each verification takes 19 MiB and a thread of the pool; DNS and files need some too. */
const MAX_CONCURRENT_VERIFICATIONS = 2;
const MAX_WAITING_VERIFICATIONS = 64;

const deriveArgon2 = promisify(argon2) as (algorithm: 'argon2id', parameters: object) => Promise<Buffer>;

/**
 * Bearer tokens: made once, shown once, kept as argon2id hashes. A token names its record (`tdm_<id>_<secret>`), so one look-up finds
 * the one hash to verify. A verified token's digest is remembered, since argon2 is slow on purpose; expiry and revocation are read
 * from the record each time.
 */
export class Tokens {
  readonly #store: TokenStore;
  readonly #clock: Clock;
  /** How many of one tenant are good at once. */
  readonly #perTenant: number;
  /** Tokens are made one after the other, so that the count of a tenant's holds. */
  #making: Promise<unknown> = Promise.resolve();
  /** SHA-256 of a verified token → the hash it was verified against. */
  readonly #verified = new Map<string, string>();
  #ownerDigest: Buffer | undefined;
  /** Verifications under way, by digest: a page that asks ten things at once verifies its token once. */
  readonly #pending = new Map<string, Promise<boolean>>();
  readonly #waiting: (() => void)[] = [];
  #verifications = 0;

  constructor(store: TokenStore, clock: Clock, perTenant = DEFAULT_TOKENS_PER_TENANT) {
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
    const records = await this.#store.list();
    if (records.some((record) => record.role === 'system-admin' && record.revokedAt === undefined)) return undefined;
    const { token } = await this.create({ role: 'system-admin', label: 'first start' }, 'first-start');
    return token;
  }

  /** Makes a token for the owner of this machine, good until the engine ends, and leaves it in a file that only its user can read. */
  writeOwnerToken(path: string): void {
    const token = `tdm_owner_${randomBytes(SECRET_OCTETS).toString('base64url')}`;
    mkdirSync(dirname(path), { recursive: true });
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, `${token}\n`, { mode: 0o600 });
    chmodSync(draft, 0o600);
    renameSync(draft, path);
    this.#ownerDigest = digest(token);
  }

  /** Throws an ApiProblem when the tenant has as many as it may have. */
  create(wanted: WantedToken, createdBy: string): Promise<{ record: TokenRecord; token: string }> {
    const made = this.#making.then(() => this.#create(wanted, createdBy));
    this.#making = made.catch(() => {});
    return made;
  }

  async #create(wanted: WantedToken, createdBy: string): Promise<{ record: TokenRecord; token: string }> {
    if (wanted.tenant !== undefined) await this.#requireRoom(wanted.tenant);
    const id = randomBytes(8).toString('hex');
    const token = `tdm_${id}_${randomBytes(SECRET_OCTETS).toString('base64url')}`;
    const record = await this.#put(id, token, createdBy, wanted);
    return { record, token };
  }

  async #requireRoom(tenant: string): Promise<void> {
    const records = await this.#store.list();
    const good = records.filter((record) => record.tenant === tenant && this.isValid(record)).length;
    if (good < this.#perTenant) return;
    throw new ApiProblem(
      409,
      'too-many-tokens',
      `tenant ${tenant} has ${good} tokens, and may have ${this.#perTenant}; revoke one`,
    );
  }

  async #put(id: string, token: string, createdBy: string, wanted: WantedToken): Promise<TokenRecord> {
    const nowMs = this.#clock.wallMs();
    const record: TokenRecord = {
      id,
      role: wanted.role,
      ...(wanted.tenant === undefined ? {} : { tenant: wanted.tenant }),
      ...(wanted.label === undefined ? {} : { label: wanted.label }),
      hash: await hashToken(token),
      createdAt: new Date(nowMs).toISOString(),
      createdBy,
      ...(wanted.expiresInSeconds === undefined
        ? {}
        : { expiresAt: new Date(nowMs + wanted.expiresInSeconds * 1000).toISOString() }),
    };
    await this.#store.put(record);
    return record;
  }

  list(): Promise<readonly TokenRecord[]> {
    return this.#store.list();
  }

  get(id: string): Promise<TokenRecord | undefined> {
    return this.#store.get(id);
  }

  /** The record stays, so that the audit log's names keep a meaning and a bootstrap token does not come back. */
  async revoke(record: TokenRecord): Promise<void> {
    await this.#store.put({ ...record, revokedAt: new Date(this.#clock.wallMs()).toISOString() });
  }

  /** Whether this token was verified before; it may have ended since. */
  isRemembered(token: string): boolean {
    const presented = digest(token);
    const isOwner = this.#ownerDigest !== undefined && timingSafeEqual(presented, this.#ownerDigest);
    return isOwner || this.#verified.has(presented.toString('hex'));
  }

  /** Who this token is, or undefined: unknown, wrong, expired and revoked are told apart to nobody. `busy`: try again shortly. */
  async identify(token: string): Promise<Identity | 'busy' | undefined> {
    const presented = digest(token);
    if (this.#ownerDigest !== undefined && timingSafeEqual(presented, this.#ownerDigest)) {
      return { actor: 'owner', role: 'system-admin', owner: true };
    }
    const id = TOKEN_FORM.exec(token)?.[1] ?? BOOTSTRAP_ID;
    const record = await this.#store.get(id);
    if (record === undefined || !this.isValid(record)) return undefined;
    const verdict = await this.#verify(presented.toString('hex'), token, record);
    if (verdict !== true) return verdict === 'busy' ? 'busy' : undefined;
    return {
      actor: `token:${record.id}`,
      role: record.role,
      ...(record.tenant === undefined ? {} : { tenant: record.tenant }),
      owner: false,
      ...(record.expiresAt === undefined ? {} : { expiresAtMs: Date.parse(record.expiresAt) }),
      tokenId: record.id,
    };
  }

  /** Whether the record still admits somebody. */
  isValid(record: TokenRecord): boolean {
    if (record.revokedAt !== undefined) return false;
    return record.expiresAt === undefined || Date.parse(record.expiresAt) > this.#clock.wallMs();
  }

  async #verify(presented: string, token: string, record: TokenRecord): Promise<boolean | 'busy'> {
    if (this.#verified.get(presented) === record.hash) return true;
    const pending = this.#pending.get(presented);
    if (pending !== undefined) return pending;
    if (this.#waiting.length >= MAX_WAITING_VERIFICATIONS) return 'busy';
    const verification = this.#takeTurn(() => verifyToken(token, record.hash));
    this.#pending.set(presented, verification);
    try {
      if (!(await verification)) return false;
    } finally {
      this.#pending.delete(presented);
    }
    if (this.#verified.size >= CACHE_SIZE) this.#verified.delete(this.#verified.keys().next().value as string);
    this.#verified.set(presented, record.hash);
    return true;
  }

  async #takeTurn<T>(work: () => Promise<T>): Promise<T> {
    while (this.#verifications >= MAX_CONCURRENT_VERIFICATIONS) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#verifications++;
    try {
      return await work();
    } finally {
      this.#verifications--;
      this.#waiting.shift()?.();
    }
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

async function hashToken(token: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await deriveArgon2('argon2id', { ...ARGON2, message: Buffer.from(token), nonce: salt });
  const { memory, passes, parallelism } = ARGON2;
  return `$argon2id$m=${memory},t=${passes},p=${parallelism}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

async function verifyToken(token: string, stored: string): Promise<boolean> {
  const form = /^\$argon2id\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/.exec(stored);
  if (form === null) return false;
  const expected = Buffer.from(form[5] as string, 'base64');
  const hash = await deriveArgon2('argon2id', {
    message: Buffer.from(token),
    nonce: Buffer.from(form[4] as string, 'base64'),
    memory: Number(form[1]),
    passes: Number(form[2]),
    parallelism: Number(form[3]),
    tagLength: expected.length,
  });
  return timingSafeEqual(hash, expected);
}
