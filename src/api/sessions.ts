import { createHmac, randomBytes } from 'node:crypto';
import { defined } from '../base/defined.ts';
import { FailureCounter } from '../base/failure-counter.ts';
import { Latest } from '../base/latest.ts';
import type { Clock } from '../base/scheduler.ts';
import type { KnownUsers } from './known-users.ts';
import { isPassword } from './passwords.ts';
import type { TokenRecord, TokenStore, UserRecord } from './ports.ts';
import { ApiProblem, notNow } from './problem.ts';
import { digest, hashOf, type Identity, isHashOf } from './tokens.ts';
import { totpStep } from './totp.ts';

const SECRET_OCTETS = 32;
const SESSION_FORM = /^([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/;
/** A working day; whoever comes back the next morning signs in again. */
export const SESSION_SECONDS = 12 * 3600;
const LINK_SECONDS = 600;
const SESSIONS_PER_USER = 20;
/** Wrong passwords for one name, from wherever they come, before only places it has signed in from may go on trying. */
const NAME_FAILURES = { failures: 20, windowMs: 15 * 60_000 };
const REMEMBERED_NAMES = 1000;
const PLACES_PER_NAME = 20;

export interface SignInCredentials {
  readonly user: string;
  readonly password: string;
  readonly code?: string | undefined;
}

type SessionFields = Pick<TokenRecord, 'role' | 'tenant' | 'readOnly' | 'user' | 'createdBy'>;

export interface OpenedSession {
  /** What the browser sends back: it is shown once and kept as its hash. */
  readonly cookie: string;
  readonly record: TokenRecord;
  readonly user?: UserRecord;
}

/**
 * Sign-ins of people: a session is a record beside the tokens, so that every node on one store knows it, it ends when it is ended
 * anywhere, and the streams of events that it opened end with it. It is made anew by each sign-in: a value that was there before
 * admits nobody (session fixation).
 */
export class Sessions {
  readonly #store: TokenStore;
  readonly #users: KnownUsers;
  readonly #clock: Clock;
  readonly #nameFailures: FailureCounter;
  /**
   * By name, the addresses of earlier sign-ins, and since when the password was that was right there: guesses from elsewhere do not lock
   * these out.
   */
  readonly #places = new Latest<string, Latest<string, string>>(REMEMBERED_NAMES);

  constructor(store: TokenStore, users: KnownUsers, clock: Clock) {
    this.#store = store;
    this.#users = users;
    this.#clock = clock;
    this.#nameFailures = new FailureCounter(clock, NAME_FAILURES);
  }

  /**
   * Throws an ApiProblem when the sign-in is refused. Unknown, disabled and wrong are told apart to nobody; that a code is missing is
   * told to who knows the password.
   */
  async signIn({ user: name, password, code }: SignInCredentials, source: string): Promise<OpenedSession> {
    const user = await this.#users.get(name);
    const isKnown = user?.enabled === true && this.#places.get(user.id)?.get(source) === user.passwordChangedAt;
    if (this.#nameFailures.isBlocked(name) && !isKnown) {
      throw notNow(429, 'too-many-failures', 'too many wrong passwords for this name; try again in 15 minutes', 900);
    }
    const isRight = await isPassword(password, user?.password, isKnown ? `${name} ${source}` : source, isKnown);
    if (user === undefined || !isRight || !user.enabled) throw this.#refuse(name);
    if (user.totp?.confirmed === true) {
      if (code === undefined || code === '')
        throw new ApiProblem(401, 'code-needed', 'the code of the authenticator app is needed too');
      await this.#takeCode(name, code);
    }
    const { role, tenant, id } = user;
    const opened = await this.openFor({ role, ...defined({ tenant }), user: id, createdBy: `user:${id}` });
    // Whoever has changed the password, or disabled the user, meanwhile has ended the sessions that there were by then.
    const now = await this.#users.get(id);
    if (now?.enabled !== true || now.password !== user.password) {
      await this.end(opened.record.id);
      throw this.#refuse(name);
    }
    this.#remember(user, source);
    return { ...opened, user };
  }

  #remember({ id, passwordChangedAt }: UserRecord, source: string): void {
    const places = this.#places.get(id) ?? new Latest<string, string>(PLACES_PER_NAME);
    places.set(source, passwordChangedAt);
    this.#places.set(id, places);
  }

  async #takeCode(name: string, code: string): Promise<void> {
    await this.#users.change(name, (user) => {
      if (user?.totp === undefined) throw this.#refuse(name);
      const step = totpStep(user.totp.secret, code, this.#clock.wallMs(), user.totp.lastStep);
      if (step === undefined) throw this.#refuse(name);
      return { ...user, totp: { ...user.totp, lastStep: step } };
    });
  }

  #refuse(name: string): ApiProblem {
    this.#nameFailures.count(name);
    return new ApiProblem(401, 'sign-in-failed', 'name, password or code is wrong');
  }

  /** A code that opens one session of a system admin, within ten minutes. */
  async createLink(createdBy: string): Promise<{ readonly code: string; readonly expiresAt: string }> {
    const { value, record } = await this.#put({ role: 'system-admin', kind: 'link', createdBy }, LINK_SECONDS);
    return { code: value, expiresAt: record.expiresAt ?? '' };
  }

  /** Throws an ApiProblem when the link is unknown, used or too old. */
  async useLink(code: string): Promise<OpenedSession> {
    const link = await this.#find(code, 'link');
    // Of two sign-ins with it, at two nodes too, one takes it away.
    if (link === undefined || !(await this.#store.replace(link.id, link, undefined)))
      throw new ApiProblem(401, 'sign-in-failed', 'this link was used or is too old; ask for a new one');
    return this.openFor({ role: 'system-admin', createdBy: link.createdBy });
  }

  /** A session of somebody who has proved who it is. Without `user` it may do what the session says, as long as that lasts. */
  async openFor(fields: SessionFields): Promise<OpenedSession> {
    await this.#makeRoom(fields.createdBy);
    const { value, record } = await this.#put({ ...fields, kind: 'session' }, SESSION_SECONDS);
    return { cookie: value, record };
  }

  /** Sessions and links that ended go; of one person the oldest beyond a number go too. */
  async #makeRoom(person: string): Promise<void> {
    const own: TokenRecord[] = [];
    for (const record of await this.#store.list()) {
      if (record.kind === undefined) continue;
      if (!this.#isGood(record)) await this.#store.delete(record.id);
      else if (record.kind === 'session' && record.createdBy === person) own.push(record);
    }
    own.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
    for (const record of own.slice(0, Math.max(0, own.length - SESSIONS_PER_USER + 1)))
      await this.#store.delete(record.id);
  }

  async #put(
    fields: SessionFields & Pick<TokenRecord, 'kind'>,
    seconds: number,
  ): Promise<{ readonly value: string; readonly record: TokenRecord }> {
    const id = randomBytes(16).toString('hex');
    const value = `${id}_${randomBytes(SECRET_OCTETS).toString('base64url')}`;
    const nowMs = this.#clock.wallMs();
    const record: TokenRecord = {
      ...fields,
      id,
      hash: hashOf(digest(value)),
      createdAt: new Date(nowMs).toISOString(),
      expiresAt: new Date(nowMs + seconds * 1000).toISOString(),
    };
    await this.#store.put(record);
    return { value, record };
  }

  /** Who has this cookie: what its user may do now, not when it signed in. Undefined when it admits nobody (any more). */
  async identify(cookie: string): Promise<Identity | undefined> {
    const record = await this.#find(cookie, 'session');
    if (record === undefined) return undefined;
    const session = { owner: false, tokenId: record.id, session: record } as const;
    if (record.user === undefined) {
      const { createdBy, role, tenant, readOnly = false } = record;
      return { actor: createdBy, role, ...defined({ tenant }), readOnly, ...session };
    }
    const user = await this.#users.get(record.user);
    if (user === undefined || !user.enabled) return undefined;
    return {
      actor: `user:${user.id}`,
      role: user.role,
      ...defined({ tenant: user.tenant }),
      readOnly: user.readOnly,
      user: user.id,
      ...session,
    };
  }

  async #find(value: string, kind: 'session' | 'link'): Promise<TokenRecord | undefined> {
    const id = SESSION_FORM.exec(value)?.[1];
    const record = id === undefined ? undefined : await this.#store.get(id);
    if (record?.kind !== kind || !isHashOf(record.hash, digest(value)) || !this.#isGood(record)) return undefined;
    return record;
  }

  #isGood({ expiresAt, revokedAt }: TokenRecord): boolean {
    return revokedAt === undefined && expiresAt !== undefined && Date.parse(expiresAt) > this.#clock.wallMs();
  }

  end(id: string): Promise<void> {
    return this.#store.delete(id);
  }

  async endAll(isOver: (session: TokenRecord) => boolean): Promise<void> {
    for (const record of await this.#store.list())
      if (record.kind === 'session' && isOver(record)) await this.#store.delete(record.id);
  }

  /** All of a user's but one: it has another password, or may do something else. */
  endAllOf(user: string, exceptId?: string): Promise<void> {
    return this.endAll((session) => session.user === user && session.id !== exceptId);
  }
}

/**
 * What a page must say with each change: whoever can make a browser send the cookie cannot read this. It is bound to the session, and
 * nothing about it is kept.
 */
export function csrfTokenOf(cookie: string): string {
  return createHmac('sha256', cookie).update('csrf').digest('base64url');
}
