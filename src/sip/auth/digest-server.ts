import { added } from '../../base/added.ts';
import { combined, fnv1a } from '../../base/fnv.ts';
import { randomToken } from '../../base/ids.ts';
import type { Clock } from '../../base/scheduler.ts';
import { HeaderId, octetsFromText, quote, type SipRequest, textFromOctets } from '../message/index.ts';
import { DIGEST_ALGORITHMS, type DigestAlgorithm, digestLength, parseDigestAlgorithm } from './algorithms.ts';
import { type DigestSecret, dummySecret, Ha1Cache } from './credentials.ts';
import { type DigestParams, isDigestScheme, parseDigest } from './digest-params.ts';
import { type DigestInput, digestResponse, type Qop } from './digest-response.ts';
import { asksTheSame, claimedUser } from './digest-uri.ts';
import { GuessThrottle } from './guess-throttle.ts';
import { NonceCounts } from './nonce-counts.ts';
import { isSameHex, NonceSource, randomSecret } from './nonces.ts';

/**
 * The server side of digest authentication (RFC 3261 §22, RFC 7616, RFC 8760).
 *
 * Rules it keeps: a challenge needs no memory; a nonce works only from the address and for the realm it was made for; a
 * nonce count is taken once; qop is required, so every response is bound to a count and a client nonce, except where the policy
 * admits clients of RFC 2069, whose nonces then work once; the response must be for this method, for a URI that asks for the same as
 * the Request-URI and, with auth-int, this body; an unknown user, a wrong password and a throttled guess take the same path, do the
 * same hashing and get the same answer. It never throws for what a peer sent.
 */

/** What is asked of a client. */
export interface DigestPolicy {
  /** Offered and accepted, most preferred first. */
  readonly algorithms: readonly DigestAlgorithm[];
  /** Accept answers without qop (RFC 2069) and counts of another width than eight digits. */
  readonly legacy: boolean;
}

/** Hears what becomes of challenges. Called for every challenged request; must not throw. */
export interface DigestObserver {
  /** A request without credentials for the realm was challenged. `user`: whom it claims to be of. */
  onChallenged?(
    request: SipRequest,
    realm: string,
    user: string | undefined,
    source: string,
    policy: DigestPolicy,
  ): void;
  /** Credentials for the realm came, right or wrong. */
  onCredentials?(realm: string, user: string | undefined, source: string): void;
  /** Right credentials whose `uri` is not the Request-URI, octet for octet. */
  onOtherUri?(request: SipRequest, realm: string, username: string, uri: string): void;
}

export interface DigestServerOptions {
  readonly clock: Clock;
  /** Key of the nonces. Nodes that share it accept each other's nonces. Default: random, known to this engine only. */
  readonly secret?: Uint8Array;
  /** Offered and accepted, most preferred first. Default: MD5 alone, the one that every phone answers. */
  readonly algorithms?: readonly DigestAlgorithm[];
  /** What is asked of a user of a realm, known or not; undefined leaves the default. */
  readonly policyOf?: (realm: string, user: string | undefined) => DigestPolicy | undefined;
  /** Whether a host in the `uri` of credentials is one that is served here. Default: none but the Request-URI's own. */
  readonly servesHost?: (host: string) => boolean;
  readonly observer?: DigestObserver;
  /** Offered. auth-int is accepted whether offered or not; auth only when offered. Default: auth. */
  readonly qop?: readonly Qop[];
  /** Default: 300,000. */
  readonly nonceLifetimeMs?: number;
  /** Default: one with its own defaults. */
  readonly throttle?: GuessThrottle;
}

/** `user`: 401 and Authorization, asked for by an endpoint such as a registrar; `proxy`: 407 and Proxy-Authorization. */
export type DigestKind = 'user' | 'proxy';

/** An account as `lookup` finds it, with whatever else the caller wants back. */
export interface DigestAccount {
  readonly secret: DigestSecret;
}

export interface DigestAccepted<Account> {
  readonly outcome: 'accepted';
  readonly username: string;
  readonly algorithm: DigestAlgorithm;
  readonly account: Account;
}

/** Why a request was not accepted; for logs and metrics only, since a peer must not learn more than its answer says. */
export type DigestRefusal =
  | 'no-credentials'
  | 'malformed'
  | 'algorithm'
  | 'qop'
  /** No qop, as in RFC 2069, and the policy does not admit it. */
  | 'no-qop'
  /** A nonce count of another width than eight digits, and the policy does not admit it. */
  | 'short-count'
  | 'uri'
  | 'nonce-forged'
  | 'nonce-expired'
  | 'nonce-count'
  | 'password'
  | 'unknown-user'
  | 'throttled';

export interface DigestRefused {
  readonly outcome: 'refused';
  readonly reason: DigestRefusal;
  /** 401 or 407, to be sent with the challenges; 400 for credentials that no correct client sends. */
  readonly status: 400 | 401 | 407;
  readonly reasonPhrase: string;
  /** The header fields that the answer carries. */
  readonly headers: [HeaderId, string][];
  /** As claimed, if it was read; not proven. */
  readonly username: string | undefined;
  /** The `uri` of the credentials, when it is what was wrong. */
  readonly uri: string | undefined;
}

export type DigestVerdict<Account> = DigestAccepted<Account> | DigestRefused;

/** Header fields of credentials looked at in one request; more realms than this are nobody's. */
const MAX_CREDENTIALS = 8;
const MAX_USERNAME_LENGTH = 256;
const MAX_CNONCE_LENGTH = 256;
const MAX_COUNT_LENGTH = 16;
const MAX_COUNT = 0xffff_ffff;
/** Nonces whose count is remembered; the oldest become stale first. */
const MAX_TRACKED_NONCES = 200_000;

/** Credentials whose form is right; what they claim is not yet checked. */
interface Claim extends DigestInput {
  readonly username: string;
  /** As the client wrote it, which is what it hashed. */
  readonly realm: string;
  readonly response: string;
}

/** A request, and who asks whom for what. */
interface Asked {
  readonly request: SipRequest;
  readonly kind: DigestKind;
  readonly realm: string;
  readonly source: string;
  readonly policy: DigestPolicy;
}

export class DigestServer {
  readonly #clock: Clock;
  readonly #nonces: NonceSource;
  readonly #counts: NonceCounts;
  readonly #policy: DigestPolicy;
  readonly #options: DigestServerOptions;
  readonly #qop: readonly Qop[];
  readonly #throttle: GuessThrottle;
  readonly #ha1 = new Ha1Cache();
  readonly #dummy = dummySecret();
  /** What follows the nonce in a challenge, by algorithm. */
  readonly #tails: Readonly<Record<DigestAlgorithm, string>>;
  /** The realm of the latest challenge, and what stands before its nonce. */
  #realm = '';
  #head = '';
  /** The credentials that were read last. */
  #value = '';
  #params: DigestParams | undefined = undefined;

  constructor(options: DigestServerOptions) {
    const secret = options.secret ?? randomSecret();
    const lifetimeMs = options.nonceLifetimeMs ?? 300_000;
    this.#clock = options.clock;
    this.#nonces = new NonceSource(options.clock, lifetimeMs, secret);
    this.#counts = new NonceCounts(lifetimeMs, MAX_TRACKED_NONCES, options.clock.nowMs());
    this.#policy = { algorithms: options.algorithms ?? ['MD5'], legacy: false };
    this.#options = options;
    this.#qop = options.qop ?? ['auth'];
    const tailOf = (algorithm: DigestAlgorithm) => `", algorithm=${algorithm}, qop="${this.#qop.join(',')}"`;
    this.#tails = Object.fromEntries(DIGEST_ALGORITHMS.map((algorithm) => [algorithm, tailOf(algorithm)])) as Record<
      DigestAlgorithm,
      string
    >;
    this.#throttle = options.throttle ?? new GuessThrottle(options.clock);
  }

  /**
   * The challenges for a realm, one header field per algorithm, most preferred first (RFC 8760 §2.3), each with qop
   * (RFC 8760 §2.6 item 8). `source` is the address the request came from, `user` whom it claims to be of.
   */
  challenge(kind: DigestKind, realm: string, source: string, stale = false, user?: string): [HeaderId, string][] {
    return this.#challenges(kind, realm, source, stale, this.#policyOf(realm, user));
  }

  /** Refuses a request that nobody vouches for, with a challenge for `realm`. */
  ask(request: SipRequest, kind: DigestKind, realm: string, source: string): DigestRefused {
    const user = claimedUser(request);
    const policy = this.#policyOf(realm, user);
    this.#options.observer?.onChallenged?.(request, realm, user, source, policy);
    return this.#refusal({ request, kind, realm, source, policy }, 'no-credentials', undefined);
  }

  #challenges(
    kind: DigestKind,
    realm: string,
    source: string,
    stale: boolean,
    policy: DigestPolicy,
    request?: SipRequest,
  ): [HeaderId, string][] {
    const id = kind === 'user' ? HeaderId.WwwAuthenticate : HeaderId.ProxyAuthenticate;
    // The count of a stale nonce may be used up: the next one must be another even for a copy of the request.
    const isOfRequest = request !== undefined && !stale;
    const nonce = this.#nonces.issue(source, realm, isOfRequest ? identityOf(request) : fnv1a(randomToken()));
    const start = this.#headOf(realm) + nonce;
    let challenges: [HeaderId, string][] = [];
    for (const algorithm of policy.algorithms) {
      const challenge = start + this.#tails[algorithm];
      challenges = added(challenges, [id, stale ? `${challenge}, stale=true` : challenge]);
    }
    return challenges;
  }

  #headOf(realm: string): string {
    if (realm !== this.#realm || this.#head === '') {
      this.#realm = realm;
      this.#head = `Digest realm=${quote(realm)}, nonce="`;
    }
    return this.#head;
  }

  #refusal(
    { request, kind, realm, source, policy }: Asked,
    reason: DigestRefusal,
    username: string | undefined,
    uri?: string,
  ): DigestRefused {
    // RFC 7616 §3.4: improper or missing parameters deserve a 400; so does a response made for another URI.
    if (reason === 'malformed' || reason === 'short-count' || reason === 'uri') {
      const reasonPhrase = reason === 'uri' ? 'Digest URI Is Not The Request-URI' : 'Malformed Credentials';
      return { outcome: 'refused', reason, status: 400, reasonPhrase, headers: [], username, uri };
    }
    const isStale = reason === 'nonce-forged' || reason === 'nonce-expired' || reason === 'nonce-count';
    const headers = this.#challenges(kind, realm, source, isStale, policy, request);
    const isUser = kind === 'user';
    const reasonPhrase = isUser ? 'Unauthorized' : 'Proxy Authentication Required';
    return { outcome: 'refused', reason, status: isUser ? 401 : 407, reasonPhrase, headers, username, uri };
  }

  /**
   * Verifies a request's credentials for `realm`. `source` is the address the request came from; `lookup` finds the account of a
   * user name of that realm, undefined when there is none or it may not sign in. A nonce count is used up by a success, so call
   * it once per request; `isAgain` says that this very one has been let in before, when its nonce was good. RFC 3261 §22.1: never for ACK and CANCEL, which
   * cannot be challenged.
   */
  verify<Account extends DigestAccount>(
    request: SipRequest,
    kind: DigestKind,
    realm: string,
    source: string,
    lookup: (username: string) => Account | undefined,
    isAgain = false,
  ): DigestVerdict<Account> {
    const found = this.#findCredentials(request, kind, realm, source, isAgain);
    if (found === undefined) return this.ask(request, kind, realm, source);
    const user = claimedUser(request);
    this.#options.observer?.onCredentials?.(realm, user, source);
    const claimed =
      found === 'malformed' || found.username === undefined ? user : plainName(textFromOctets(found.username), realm);
    const policy = this.#policyOf(realm, claimed);
    const asked: Asked = { request, kind, realm, source, policy };
    if (found === 'malformed') return this.#refusal(asked, 'malformed', undefined);
    const claim = this.#readClaim(request, found, policy);
    if (typeof claim === 'string') return this.#refusal(asked, claim, claimed);
    const username = textFromOctets(claim.username);
    const isOtherUri = claim.uri !== request.requestUri;
    if (isOtherUri && !asksTheSame(claim.uri, request, this.#options.servesHost)) {
      return this.#refusal(asked, 'uri', username, claim.uri);
    }
    // A nonce that is not ours, or not any more, says nothing about the password, so none is tried and nothing is counted.
    const state = this.#nonces.check(claim.nonce, source, realm);
    if (state === 'forged' || (state === 'expired' && !isAgain))
      return this.#refusal(asked, `nonce-${state}`, username);

    const plain = plainName(username, realm);
    const account = lookup(username) ?? (plain === username ? undefined : lookup(plain));
    const reason = this.#checkPassword(asked, claim, username, plain, account);
    if (reason !== undefined || account === undefined) return this.#refusal(asked, reason ?? 'unknown-user', username);
    // RFC 7616 §3.3: "stale" is for a request whose digest is right and whose nonce is not; here its count was used. A response
    // without count (RFC 2069) uses up its nonce.
    const isNew = this.#counts.take(claim.nonce, countOf(claim), this.#clock.nowMs());
    if (!isNew && !isAgain) return this.#refusal(asked, 'nonce-count', username);
    if (isOtherUri) this.#options.observer?.onOtherUri?.(request, realm, username, claim.uri);
    return { outcome: 'accepted', username, algorithm: claim.algorithm, account };
  }

  /** What credentials say, undefined when they are malformed or of another scheme. Asked for again right after, as to verify them, they are not read again. */
  read(value: string): DigestParams | undefined {
    if (value !== this.#value) {
      this.#value = value;
      this.#params = parseDigest(value);
    }
    return this.#params;
  }

  /**
   * The credentials for our realm (RFC 3261 §22.3: a request may carry those of several). DEVIATION: clients add the answer to a new challenge to that
   * to the one before; of several the first with a good nonce counts, as it is the one that the others are out of date for. One whose count is used is
   * good no more, but for a request that goes on.
   */
  #findCredentials(
    request: SipRequest,
    kind: DigestKind,
    realm: string,
    source: string,
    isAgain: boolean,
  ): DigestParams | 'malformed' | undefined {
    const id = kind === 'user' ? HeaderId.Authorization : HeaderId.ProxyAuthorization;
    if (!request.headers.has(id)) return undefined;
    const values = request.headers.fieldValues(id);
    if (values.length > MAX_CREDENTIALS) return 'malformed';
    let malformed = false;
    let first: DigestParams | undefined;
    for (const value of values) {
      const params = this.read(value);
      if (params === undefined) malformed ||= isDigestScheme(value);
      // DEVIATION: a client that writes the domain in other letters is of this realm all the same.
      else if (params.realm !== undefined && isSameRealm(params.realm, realm)) {
        if (values.length === 1) return params;
        const { nonce = '' } = params;
        const isFresh = this.#nonces.check(nonce, source, realm) === 'fresh';
        if (isFresh && (isAgain || !this.#counts.isTaken(nonce, countOf(params)))) return params;
        first ??= params;
      }
    }
    return first ?? (malformed ? 'malformed' : undefined);
  }

  /** Checks the form, and that we offered what the client chose. */
  #readClaim({ method, body }: SipRequest, params: DigestParams, policy: DigestPolicy): Claim | DigestRefusal {
    const { username, realm = '', nonce, uri, response, nc = '', cnonce } = params;
    const algorithm = parseDigestAlgorithm(params.algorithm);
    if (algorithm === undefined || !policy.algorithms.includes(algorithm)) return 'algorithm';
    const qop = this.#readQop(params, policy);
    if (qop === 'no-qop' || qop === 'qop') return qop;
    if (username === undefined || nonce === undefined || uri === undefined || response === undefined)
      return 'malformed';
    if (qop !== undefined) {
      // RFC 7616 §3.4: cnonce and nc MUST be there when qop is, nc as exactly eight digits. An empty cnonce protects nobody but the
      // client that sends it, and is hashed as it is.
      if (cnonce === undefined || !isCount(nc)) return 'malformed';
      if (nc.length !== 8 && !policy.legacy) return 'short-count';
    }
    if (username.length > MAX_USERNAME_LENGTH || (cnonce?.length ?? 0) > MAX_CNONCE_LENGTH) return 'malformed';
    if (response.length !== digestLength(algorithm) || !isHex(response)) return 'malformed';
    return {
      username,
      realm: textFromOctets(realm),
      response,
      algorithm,
      method,
      uri,
      nonce,
      qop,
      nc,
      cnonce: cnonce ?? '',
      body,
    };
  }

  /** RFC 8760 §2.6 item 8 tolerates a client without qop. We do when told to, since what it answers is bound to nothing but its nonce. */
  #readQop({ qop: value = '', nc, cnonce }: DigestParams, policy: DigestPolicy): Qop | undefined | 'no-qop' | 'qop' {
    const qop = value === 'auth' ? value : value.trim().toLowerCase();
    // Some repeat the qop that was offered and know nothing of it: without count and client nonce, or with empty ones, the response is that of RFC 2069.
    const isOld = qop === '' || ((nc ?? '') === '' && (cnonce ?? '') === '');
    if (isOld) return policy.legacy ? undefined : 'no-qop';
    if (qop === 'auth-int') return qop;
    return qop === 'auth' && this.#qop.includes(qop) ? qop : 'qop';
  }

  /** The same hashing whatever the answer is going to be. `plain`: the user name without the realm. */
  #checkPassword(
    { realm, source }: Asked,
    claim: Claim,
    username: string,
    plain: string,
    account: DigestAccount | undefined,
  ): DigestRefusal | undefined {
    // Guesses count against the account, in whatever spelling they come.
    const user = `${plain}@${realm}`;
    const allowed = this.#throttle.allows(user, source);
    const secret = account?.secret ?? this.#dummy;
    // Whoever writes the realm in other letters has hashed either spelling.
    const right =
      this.#isRight(claim, secret, username, claim.realm) ||
      (claim.realm !== realm && this.#isRight(claim, secret, username, realm));
    if (!allowed) return 'throttled';
    if (right && account !== undefined) {
      this.#throttle.succeeded(user, source);
      return undefined;
    }
    this.#throttle.failed(user, source);
    return account === undefined ? 'unknown-user' : 'password';
  }

  #isRight(claim: Claim, secret: DigestSecret, username: string, realm: string): boolean {
    const { response, qop, nc } = claim;
    const ha1 = this.#ha1.get(secret, claim.algorithm, username, octetsFromText(realm));
    let isRight = isSameHex(response, digestResponse(ha1 ?? '', claim));
    // Some write the count as a number and hash it as RFC 7616 §3.4 has it.
    if (!isRight && qop !== undefined && nc.length !== 8)
      isRight = isSameHex(response, digestResponse(ha1 ?? '', { ...claim, nc: eightDigits(nc) }));
    return isRight && ha1 !== undefined;
  }

  #policyOf(realm: string, user: string | undefined): DigestPolicy {
    return this.#options.policyOf?.(realm, user) ?? this.#policy;
  }
}

/** DEVIATION: some phones sign in as `101@acme.example.com` where the account of that realm is `101`. */
function plainName(username: string, realm: string): string {
  const at = username.length - realm.length - 1;
  const isOfRealm =
    at > 0 && username.charCodeAt(at) === 0x40 && username.slice(at + 1).toLowerCase() === realm.toLowerCase();
  return isOfRealm ? username.slice(0, at) : username;
}

/** @param written in octets */
function isSameRealm(written: string, realm: string): boolean {
  return written === realm || textFromOctets(written).toLowerCase() === realm.toLowerCase();
}

function isCount(nc: string): boolean {
  return nc.length > 0 && nc.length <= MAX_COUNT_LENGTH && isHex(nc) && Number.parseInt(nc, 16) <= MAX_COUNT;
}

function countOf({ qop, nc }: Pick<DigestParams, 'qop' | 'nc'>): number {
  return qop === undefined ? 1 : Number.parseInt(nc ?? '', 16);
}

function eightDigits(nc: string): string {
  return Number.parseInt(nc, 16).toString(16).padStart(8, '0');
}

function isHex(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const isDigit = code >= 0x30 && code <= 0x39;
    if (!isDigit && !(code >= 0x61 && code <= 0x66) && !(code >= 0x41 && code <= 0x46)) return false;
  }
  return true;
}

/** What the copies of one request have in common and no other request has, as a number of 36 bits. */
function identityOf({ headers }: SipRequest): number {
  const callId = headers.read(HeaderId.CallId, fnv1a) ?? 0;
  const rest = combined(headers.read(HeaderId.From, fnv1a) ?? 0, headers.read(HeaderId.CSeq, fnv1a) ?? 0);
  // Of each two alike one is challenged twice, so four bits more are worth their while.
  return combined(callId, rest) + (combined(rest, callId) & 0xf) * 2 ** 32;
}
