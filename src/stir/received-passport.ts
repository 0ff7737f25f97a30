/**
 * A PASSporT as it was received (RFC 8225), read as far as that goes without its certificate: form, header, claims. What is found wrong
 * here needs no fetch to be refused.
 */
import { isObject } from '../base/json-object.ts';
import { certificateUrl } from './certificate-url.ts';
import { type IdentityValue, isReadable, parseIdentity } from './identity.ts';
import type { Attestation } from './passport.ts';
import { type RichCallData, readRichCallData } from './rich-call-data.ts';
import { decodeJsonObject, type JsonObject, type JsonValue } from './strict-json.ts';

/** The failures that RFC 8224 §6.2.2 and RFC 8225 name, each with what the caller's side is told. */
export const STIR_REASONS = {
  403: 'Stale Date',
  428: 'Use Identity Header',
  433: 'Anonymity Disallowed',
  436: 'Bad Identity Info',
  437: 'Unsupported Credential',
  438: 'Invalid Identity Header',
} as const;
export type StirStatus = keyof typeof STIR_REASONS;

/** Why an Identity value, or a call, is not verified. */
export interface StirFailure {
  readonly status: StirStatus;
  /** What is wrong, for people: in the call record, in `explain`. */
  readonly reason: string;
}

export interface ReceivedPassport {
  /** `base`: without an extension (RFC 8225 §4). */
  readonly type: 'base' | 'shaken' | 'div' | 'rcd';
  /** What was signed, and the signature. */
  readonly input: string;
  readonly signature: string;
  readonly claims: JsonObject;
  readonly x5u: URL;
  /** Canonical numbers, or URIs, as the claims have them. */
  readonly orig: string;
  readonly dest: readonly string[];
  /** Of `div`: the number that was called before. */
  readonly div: string | undefined;
  /** Of `div-o` (RFC 8946 §5): the token, in full form, that it goes back to. */
  readonly opt: string | undefined;
  readonly iatSeconds: number;
  readonly attest: Attestation | undefined;
  readonly origId: string | undefined;
  /** What it says of how the caller is shown; a text: it cannot be read. */
  readonly rich: RichCallData | string | undefined;
}

/** Says nothing that this engine knows (RFC 8224 §6.2 step 1: it is ignored). */
export interface IgnoredPassport {
  readonly ignored: string;
}

/** What a compact form leaves out, as the request has it (RFC 8224 §4.1). */
export interface CompactContext {
  /** Serialised as the signer of the same request would have. */
  readonly claims: (iatSeconds: number) => string;
  readonly iatSeconds: number | undefined;
}

const SUPPORTED: ReadonlySet<string | undefined> = new Set([undefined, 'shaken', 'div', 'div-o', 'rcd']);
const MAX_DESTINATIONS = 64;
const MAX_NAME = 512;
/** As in an Identity field, of which it is a part. */
const MAX_NESTED = 12_288;

export function readPassport(
  identity: IdentityValue,
  compact: CompactContext,
): ReceivedPassport | IgnoredPassport | StirFailure {
  const ppt = identity.ppt?.toLowerCase();
  if (!SUPPORTED.has(ppt)) return { ignored: `ppt ${identity.ppt}` };
  if (identity.alg !== undefined && identity.alg !== 'ES256')
    return invalid(`has alg ${identity.alg}: ES256 is the one that is allowed`);
  return identity.isCompact ? readCompact(identity, ppt, compact) : readFull(identity, ppt);
}

/** The token inside of a `div-o` (RFC 8946 §6), in full form: no field stands around it. */
export function readNested(token: string): ReceivedPassport | IgnoredPassport | StirFailure {
  const [value] = token.length > MAX_NESTED ? [] : parseIdentity(`${token};info=<nested>`);
  if (value === undefined || !isReadable(value)) return invalid(`opt ${value?.fault ?? 'is too long'}`);
  return value.isCompact ? invalid('opt is in compact form') : readFull(value, undefined, false);
}

function readFull(identity: IdentityValue, named: string | undefined, hasInfo = true): ReturnType<typeof readPassport> {
  const header = decodeJsonObject(identity.header);
  if (typeof header === 'string') return invalid(`the header of the token ${header}`);
  const { alg, typ, ppt, x5u } = header;
  if (ppt !== undefined && typeof ppt !== 'string') return invalid('ppt in the header of the token is no text');
  if (named !== undefined && ppt !== named)
    return invalid(`ppt of the field is ${named}, that of the token ${text(ppt)}`);
  if (!SUPPORTED.has(ppt)) return { ignored: `ppt ${ppt}` };
  // RFC 8225 §8: whatever else a token says of its algorithm, or of a key of its own, is not asked.
  if (alg !== 'ES256') return invalid(`has alg ${text(alg)}: ES256 is the one that is allowed`);
  if (typ !== 'passport') return invalid(`has typ ${text(typ)}, not passport`);
  // RFC 7515 §4.1.11: what must be understood and is not costs the token.
  if ('crit' in header) return invalid('has a crit header, of which nothing is understood');
  if (typeof x5u !== 'string') return invalid('has no x5u');
  const claims = decodeJsonObject(identity.claims);
  if (typeof claims === 'string') return invalid(`the claims of the token ${claims}`);
  if (hasInfo && !isSameUrl(identity.info, x5u)) return badInfo('info of the field is not the x5u of the token');
  const { signature } = identity;
  return readClaims(ppt, claims, x5u, { input: `${identity.header}.${identity.claims}`, signature });
}

/** RFC 8224 §4.1.1: the request itself holds the claims. An extension has claims that it does not hold. */
function readCompact(
  { info, signature }: IdentityValue,
  ppt: string | undefined,
  compact: CompactContext,
): ReturnType<typeof readPassport> {
  if (ppt !== undefined) return invalid(`ppt ${ppt} is signed in full form only`);
  if (compact.iatSeconds === undefined) return invalid('is in compact form, and the request has no Date');
  const header = JSON.stringify({ alg: 'ES256', typ: 'passport', x5u: info });
  const claims = compact.claims(compact.iatSeconds);
  const input = `${base64Url(header)}.${base64Url(claims)}`;
  return readClaims(undefined, JSON.parse(claims) as JsonObject, info, { input, signature });
}

function readClaims(
  ppt: string | undefined,
  claims: JsonObject,
  x5u: string,
  signed: Pick<ReceivedPassport, 'input' | 'signature'>,
): ReceivedPassport | StirFailure {
  const url = certificateUrl(x5u);
  if (typeof url === 'string') return badInfo(`x5u ${url}`);
  const orig = partyOf(claims['orig']);
  if (orig === undefined) return invalid('orig is not one telephone number or URI');
  const dest = destinationsOf(claims['dest']);
  if (dest === undefined) return invalid('dest is not a list of telephone numbers or URIs');
  const { iat } = claims;
  if (typeof iat !== 'number' || !Number.isSafeInteger(iat) || iat < 0)
    return invalid('iat is not a number of seconds');
  const base = { ...signed, claims, x5u: url, orig, dest, iatSeconds: iat };
  const rich = readRichCallData(claims);
  const none = { div: undefined, opt: undefined, attest: undefined, origId: undefined, rich };
  if (ppt === undefined) return { ...base, ...none, type: 'base' };
  if (ppt === 'div' || ppt === 'div-o') return readDiv(ppt, claims, { ...base, ...none, rich: undefined });
  if (ppt === 'rcd') {
    if (rich === undefined || typeof rich === 'string') return invalid(rich ?? 'has no rcd');
    return { ...base, ...none, type: 'rcd' };
  }
  const { attest, origid } = claims;
  if (attest !== 'A' && attest !== 'B' && attest !== 'C') return invalid(`attest is ${text(attest)}, not A, B or C`);
  if (typeof origid !== 'string' || origid === '' || origid.length > MAX_NAME) return invalid('has no origid');
  return { ...base, ...none, type: 'shaken', attest, origId: origid };
}

/** RFC 8946 §§3, 5. */
function readDiv(
  ppt: 'div' | 'div-o',
  claims: JsonObject,
  base: Omit<ReceivedPassport, 'type'>,
): ReceivedPassport | StirFailure {
  const div = partyOf(claims['div']);
  if (div === undefined) return invalid('div is not one telephone number or URI');
  const { opt } = claims;
  if (ppt === 'div')
    return opt === undefined ? { ...base, type: 'div', div } : invalid('has opt, which a div token must not have');
  if (typeof opt !== 'string') return invalid('has no opt, which a div-o token must have');
  return { ...base, type: 'div', div, opt };
}

/** RFC 8225 §5.2.1: `{"tn":"…"}` or `{"uri":"…"}`, one of them. */
function partyOf(value: JsonValue | undefined): string | undefined {
  if (!isObject(value)) return undefined;
  const { tn, uri } = value;
  const named = tn ?? uri;
  if (tn !== undefined && uri !== undefined) return undefined;
  return typeof named === 'string' && isName(named) ? named : undefined;
}

function destinationsOf(value: JsonValue | undefined): readonly string[] | undefined {
  if (!isObject(value)) return undefined;
  const { tn = [], uri = [] } = value;
  if (!Array.isArray(tn) || !Array.isArray(uri)) return undefined;
  const all: readonly JsonValue[] = [...tn, ...uri];
  if (all.length === 0 || all.length > MAX_DESTINATIONS) return undefined;
  return all.every((each): each is string => typeof each === 'string' && isName(each)) ? all : undefined;
}

function isName(value: string): boolean {
  return value !== '' && value.length <= MAX_NAME;
}

/** RFC 8224 §7.3: info mirrors x5u. The same place in two spellings is the same place. */
function isSameUrl(a: string, b: string): boolean {
  if (a === b) return true;
  return URL.canParse(a) && URL.canParse(b) && new URL(a).href === new URL(b).href;
}

function text(value: JsonValue | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 64);
}

function base64Url(value: string): string {
  return Buffer.from(value, 'utf8').toString('base64url');
}

function invalid(reason: string): StirFailure {
  return { status: 438, reason };
}

function badInfo(reason: string): StirFailure {
  return { status: 436, reason };
}
