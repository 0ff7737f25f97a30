import { randomToken } from '../../base/ids.ts';
import { Latest } from '../../base/latest.ts';
import {
  HeaderId,
  octetsFromText,
  quote,
  type SipRequest,
  type SipResponse,
  textFromOctets,
} from '../message/index.ts';
import { DIGEST_ALGORITHMS, type DigestAlgorithm, digestOf, parseDigestAlgorithm } from './algorithms.ts';
import { type DigestSecret, Ha1Cache } from './credentials.ts';
import { type DigestParams, parseChallenges, parseDigest, parseDirectives } from './digest-params.ts';
import { digestResponse, type Qop } from './digest-response.ts';

/**
 * The client side of digest authentication (RFC 3261 §22.2, §22.3, RFC 7616, RFC 8760). One per set of credentials, such as a trunk.
 *
 * Rules it keeps: a request is answered for a bounded number of times, and for one realm again only for a stale nonce, since the same
 * answer to the same question would be refused again; what was answered on the way goes along in every further version, as each
 * proxy looks for its own (RFC 3261 §22.3); of the challenges of a realm the strongest one is answered; a realm that is not ours gets nothing; an accepted nonce is used again with a rising count, and only toward the
 * destination and the kind of challenge it came from.
 */
export interface DigestCredentials {
  readonly username: string;
  readonly secret: DigestSecret;
  /** The realms the credentials are for. Undefined: any that the destination asks for. */
  readonly realms?: readonly string[];
}

export interface DigestClientOptions {
  /** Algorithms answered. Default: all; the strongest one offered is taken. */
  readonly algorithms?: readonly DigestAlgorithm[];
  /** Makes client nonces; for tests. Default: 96 random bits. */
  readonly cnonce?: () => string;
}

export type DigestGiveUp =
  | 'no-challenge'
  | 'foreign-realm'
  | 'unsupported-challenge'
  /** The credentials were refused. */
  | 'rejected'
  | 'too-many-tries';

export type DigestAnswer =
  | { readonly kind: 'retry'; readonly headers: [HeaderId, string][] }
  | { readonly kind: 'give-up'; readonly reason: DigestGiveUp };

interface Challenge {
  /** In the server's own octets. */
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  readonly algorithm: DigestAlgorithm;
  readonly isSession: boolean;
  readonly qop: Qop | undefined;
  /** False when the server left the parameter out; then it is left out of the answer too. */
  readonly namesAlgorithm: boolean;
  readonly stale: boolean;
}

/** A nonce in use. Its cnonce stays the same, as the session key of a `-sess` algorithm is made with it (RFC 7616 §3.4.2). */
interface Session {
  readonly destination: string;
  readonly kind: Kind;
  challenge: Challenge;
  cnonce: string;
  count: number;
  /** How often this realm has refused the same request again. */
  readonly repeats: number;
}

/** A proxy, a second one and the server, one of them with a nonce that has become stale. */
const MAX_TRIES = 4;
const MAX_TRIES_PER_REALM = 2;
const MAX_CHALLENGES = 16;
const MAX_SESSIONS = 16;

export class DigestClient {
  readonly #credentials: DigestCredentials;
  readonly #options: DigestClientOptions;
  readonly #algorithms: readonly DigestAlgorithm[];
  readonly #cnonce: () => string;
  readonly #ha1 = new Ha1Cache();
  /** By destination, kind of challenge and realm. */
  readonly #sessions = new Latest<string, Session>(MAX_SESSIONS);

  constructor(credentials: DigestCredentials, options: DigestClientOptions = {}) {
    this.#credentials = credentials;
    this.#options = options;
    this.#algorithms = options.algorithms ?? DIGEST_ALGORITHMS;
    this.#cnonce = options.cnonce ?? randomToken;
  }

  /**
   * Answers a 401 or 407 to `request`. `destination` names where the request went (host and port of the next hop); `tries` is how
   * often this request was answered for before: 0 the first time. The header fields go into the request's next version with
   * {@link replaceAuthorization}; that has a new branch and the next CSeq (RFC 3261 §22.2).
   */
  answer(response: SipResponse, request: SipRequest, destination: string, tries: number): DigestAnswer {
    return this.#answer(response, request, request, destination, tries);
  }

  /**
   * Answers a 401 or 407 to `refused` in `next`, its next version, which carries no credentials yet: for the realms that are asked
   * for, and again for those that `refused` answered. Returns why it cannot be done; `next` is as it was then.
   */
  authorize(
    response: SipResponse,
    refused: SipRequest,
    next: SipRequest,
    destination: string,
    tries: number,
  ): DigestGiveUp | undefined {
    const answer = this.#answer(response, refused, next, destination, tries);
    if (answer.kind === 'give-up') return answer.reason;
    if (tries === 0) this.#forgetOthers(response.status, refused, answer.headers, destination);
    this.carry(refused, next, destination);
    replaceAuthorization(next, answer.headers);
    return undefined;
  }

  /** Puts the credentials of a request into its next version, with their next counts. */
  carry(refused: SipRequest, next: SipRequest, destination: string): void {
    for (const kind of KINDS) {
      for (const value of refused.headers.fieldValues(kind.answerId)) {
        const realm = parseDigest(value)?.realm;
        if (realm === undefined) continue;
        const session = this.#sessions.get(sessionKey(destination, kind.name, realm));
        if (session !== undefined) next.headers.add(kind.answerId, this.#render(session, next));
      }
    }
  }

  /**
   * A server has one realm, so what was sent unasked for another one is of a server that is not there any more (401). Where somebody asks
   * for a realm that is new, whoever was on the way before may be gone too: one that is still there asks again.
   */
  #forgetOthers(
    status: number,
    refused: SipRequest,
    answers: readonly [HeaderId, string][],
    destination: string,
  ): void {
    const sent = KINDS.map(({ answerId }) => realmsOf(refused.headers.fieldValues(answerId)));
    const asked = KINDS.map(({ answerId }) =>
      realmsOf(answers.flatMap(([id, value]) => (id === answerId ? [value] : []))),
    );
    const isNew = asked.some((realms, kind) => [...realms].some((realm) => sent[kind]?.has(realm) !== true));
    for (const [index, { name }] of KINDS.entries()) {
      if (!isNew && !(name === 'www' && status === 401)) continue;
      for (const realm of sent[index] ?? [])
        if (asked[index]?.has(realm) !== true) this.#sessions.delete(sessionKey(destination, name, realm));
    }
  }

  #answer(
    response: SipResponse,
    refused: SipRequest,
    next: SipRequest,
    destination: string,
    tries: number,
  ): DigestAnswer {
    if (tries >= MAX_TRIES) return giveUp('too-many-tries');
    const headers: [HeaderId, string][] = [];
    let reason: DigestGiveUp = 'no-challenge';
    for (const kind of KINDS) {
      for (const [realm, offered] of challengesByRealm(response.headers.fieldValues(kind.challengeId))) {
        const outcome = this.#answerRealm(realm, offered, kind, refused, next, destination, tries);
        if (Array.isArray(outcome)) headers.push(outcome);
        else reason = worseOf(reason, outcome);
      }
    }
    // RFC 3261 §22.3: without credentials for one of the realms the others may still be enough.
    if (headers.length === 0 || reason === 'rejected') return giveUp(reason);
    return { kind: 'retry', headers };
  }

  /**
   * Authorization for a new request to where a nonce was accepted before, which saves the round trip of a challenge
   * (RFC 3261 §22.2: credentials SHOULD be used again with the next count). Empty when there is none.
   */
  preemptive(request: SipRequest, destination: string): [HeaderId, string][] {
    const headers: [HeaderId, string][] = [];
    for (const session of this.#sessions.values()) {
      if (session.destination === destination) headers.push([session.kind.answerId, this.#render(session, request)]);
    }
    return headers;
  }

  /** A client of the same credentials that knows what this one has learnt; what it learns and counts is its own. */
  copy(): DigestClient {
    const copy = new DigestClient(this.#credentials, this.#options);
    for (const [key, session] of this.#sessions) copy.#sessions.set(key, { ...session });
    return copy;
  }

  /** Reads the next nonce from the Authentication-Info of a success (RFC 7616 §3.5). */
  learn(response: SipResponse, destination: string): void {
    const value = response.headers.value(HeaderId.AuthenticationInfo);
    if (value === undefined) return;
    const nextnonce = parseDirectives(value, 0)?.nextnonce;
    if (nextnonce === undefined) return;
    for (const session of this.#sessions.values()) {
      if (session.destination !== destination || session.kind.name !== 'www') continue;
      session.challenge = { ...session.challenge, nonce: nextnonce };
      session.cnonce = this.#cnonce();
      session.count = 0;
    }
  }

  #answerRealm(
    realm: string,
    offered: readonly DigestParams[],
    kind: Kind,
    refused: SipRequest,
    next: SipRequest,
    destination: string,
    tries: number,
  ): [HeaderId, string] | DigestGiveUp {
    if (!this.#isOurs(realm)) return 'foreign-realm';
    const challenge = this.#choose(realm, offered);
    if (challenge === undefined) return 'unsupported-challenge';
    const key = sessionKey(destination, kind.name, realm);
    const sent = credentialsSent(refused, kind.answerId, realm);
    // A refusal may be of a nonce that was used again without being asked, or goes along; that of a fresh answer is of the
    // credentials, unless the server says that only the nonce was at fault (RFC 7616 §3.3).
    const before = this.#sessions.get(key);
    const isFresh = (before?.count ?? 1) === 1;
    const wasAnswered = sent !== undefined && tries > 0 && isFresh;
    // One that was used unasked may be the server's of this minute, and refused for its count alone.
    const isSame = sent?.nonce === challenge.nonce && (tries > 0 || isFresh);
    if ((wasAnswered && !challenge.stale) || isSame) {
      this.#sessions.delete(key);
      return 'rejected';
    }
    const repeats = sent !== undefined && tries > 0 ? (before?.repeats ?? 0) + 1 : 0;
    if (repeats >= MAX_TRIES_PER_REALM) return 'too-many-tries';
    const session: Session = { destination, kind, challenge, cnonce: this.#cnonce(), count: 0, repeats };
    this.#sessions.set(key, session);
    return [kind.answerId, this.#render(session, next)];
  }

  #isOurs(realm: string): boolean {
    const { realms } = this.#credentials;
    return realms === undefined || realms.includes(textFromOctets(realm));
  }

  /** The strongest challenge that can be answered (RFC 8760 §2.4: ones not understood MUST be ignored). */
  #choose(realm: string, offered: readonly DigestParams[]): Challenge | undefined {
    let best: Challenge | undefined;
    for (const params of offered) {
      const challenge = this.#understand(realm, params);
      if (challenge === undefined) continue;
      if (best === undefined || strength(challenge) > strength(best)) best = challenge;
    }
    return best;
  }

  #understand(realm: string, params: DigestParams): Challenge | undefined {
    if (params.nonce === undefined) return undefined;
    const name = params.algorithm?.toLowerCase();
    const isSession = name?.endsWith('-sess') === true;
    const algorithm = parseDigestAlgorithm(isSession ? name?.slice(0, -5) : name);
    if (algorithm === undefined || !this.#algorithms.includes(algorithm)) return undefined;
    const { secret } = this.#credentials;
    if ('ha1' in secret && secret.ha1[algorithm] === undefined) return undefined;
    const qop = this.#chooseQop(params.qop);
    if (qop === 'unsupported') return undefined;
    const stale = params.stale?.toLowerCase() === 'true';
    const namesAlgorithm = params.algorithm !== undefined;
    return { realm, nonce: params.nonce, opaque: params.opaque, algorithm, isSession, qop, namesAlgorithm, stale };
  }

  #chooseQop(offered: string | undefined): Qop | 'unsupported' | undefined {
    const options = (offered ?? '').split(',', 8).map((option) => option.trim().toLowerCase());
    // An empty list is none.
    if (options.every((option) => option === '')) return undefined;
    // `auth` survives a session border controller that edits the body.
    if (options.includes('auth')) return 'auth';
    return options.includes('auth-int') ? 'auth-int' : 'unsupported';
  }

  #render(session: Session, request: SipRequest): string {
    const { challenge, cnonce } = session;
    const { realm, nonce, opaque, algorithm, isSession, qop } = challenge;
    const { username, secret } = this.#credentials;
    session.count++;
    const nc = session.count.toString(16).padStart(8, '0');
    const uri = request.requestUri;
    let key = this.#ha1.get(secret, algorithm, username, realm) ?? '';
    // RFC 7616 §3.4.2: A1 of a session is made from the first nonce and client nonce.
    if (isSession) key = digestOf(algorithm, `${key}:${nonce}:${cnonce}`);
    const { method, body } = request;
    const response = digestResponse(key, { algorithm, method, uri, nonce, nc, cnonce, qop, body });
    let value = `Digest username=${quote(octetsFromText(username))}, realm=${quote(realm)}, nonce=${quote(nonce)}, uri=${quote(uri)}`;
    value += `, response="${response}"`;
    if (challenge.namesAlgorithm) value += `, algorithm=${algorithm}${isSession ? '-sess' : ''}`;
    if (qop !== undefined) value += `, qop=${qop}, nc=${nc}`;
    if (qop !== undefined || isSession) value += `, cnonce=${quote(cnonce)}`;
    if (opaque !== undefined) value += `, opaque=${quote(opaque)}`;
    return value;
  }
}

/**
 * Puts answers into the next version of a request. Credentials for the same realm and kind are replaced; those for other realms
 * stay, as each proxy on the way looks for its own (RFC 3261 §22.3).
 */
export function replaceAuthorization(request: SipRequest, headers: readonly [HeaderId, string][]): void {
  for (const kind of KINDS) {
    const added = headers.filter(([id]) => id === kind.answerId).map(([, value]) => value);
    if (added.length === 0) continue;
    const realms = new Set(added.map((value) => parseDigest(value)?.realm));
    const kept = request.headers.fieldValues(kind.answerId).filter((value) => !realms.has(parseDigest(value)?.realm));
    request.headers.remove(kind.answerId);
    for (const value of [...kept, ...added]) request.headers.add(kind.answerId, value);
  }
}

interface Kind {
  readonly name: 'www' | 'proxy';
  readonly challengeId: HeaderId;
  readonly answerId: HeaderId;
}

const KINDS: readonly Kind[] = [
  { name: 'www', challengeId: HeaderId.WwwAuthenticate, answerId: HeaderId.Authorization },
  { name: 'proxy', challengeId: HeaderId.ProxyAuthenticate, answerId: HeaderId.ProxyAuthorization },
];

/** Challenges grouped by realm, realms in the order of their first challenge. DEVIATION: a challenge that names none has the empty one. */
function challengesByRealm(values: readonly string[]): Map<string, DigestParams[]> {
  const challenges = values.slice(0, MAX_CHALLENGES).flatMap(parseChallenges).slice(0, MAX_CHALLENGES);
  return Map.groupBy(challenges, ({ realm = '' }) => realm);
}

function realmsOf(credentials: readonly string[]): ReadonlySet<string> {
  const realms = credentials.map((value) => parseDigest(value)?.realm);
  return new Set(realms.flatMap((realm) => realm ?? []));
}

/** The credentials for a realm that a request already carried. */
function credentialsSent(request: SipRequest, id: HeaderId, realm: string): DigestParams | undefined {
  for (const value of request.headers.fieldValues(id)) {
    const params = parseDigest(value);
    if (params?.realm === realm) return params;
  }
  return undefined;
}

/** Orders challenges: by algorithm, then plain before session, then with qop before without. */
function strength({ algorithm, isSession, qop }: Challenge): number {
  const rank = DIGEST_ALGORITHMS.length - DIGEST_ALGORITHMS.indexOf(algorithm);
  return rank * 4 + (isSession ? 0 : 2) + (qop === undefined ? 0 : 1);
}

function sessionKey(destination: string, kind: 'www' | 'proxy', realm: string): string {
  return `${kind} ${destination} ${realm}`;
}

const REASONS: readonly DigestGiveUp[] = [
  'no-challenge',
  'foreign-realm',
  'unsupported-challenge',
  'rejected',
  'too-many-tries',
];

/** Of several reasons, the one that says most. */
function worseOf(a: DigestGiveUp, b: DigestGiveUp): DigestGiveUp {
  return REASONS.indexOf(a) >= REASONS.indexOf(b) ? a : b;
}

function giveUp(reason: DigestGiveUp): DigestAnswer {
  return { kind: 'give-up', reason };
}
