/**
 * The verification service (RFC 8224 §6.2, RFC 8588 §5, RFC 8946 §4.2): from the Identity fields of a call and what its signalling says
 * to a verdict. The order is such that what fails for what it says is never fetched for: form, freshness, numbers, and then certificates,
 * at once where all are known. Of several fields one whole chain that passes will do (§6.2.1).
 */
import type { CertificateRepository } from './certificate-repository.ts';
import { isAuthorityFor, type Signer } from './chain.ts';
import { constraintBroken } from './claim-constraints.ts';
import type { Icons } from './icons.ts';
import { type IdentityValue, isReadable, parseIdentity } from './identity.ts';
import type { Attestation } from './passport.ts';
import {
  type CompactContext,
  type ReceivedPassport,
  readNested,
  readPassport,
  type StirFailure,
} from './received-passport.ts';
import type { Icon } from './rich-call-data.ts';
import { type Signatures, signaturesHere } from './signatures.ts';

/** What a call says of itself, in canonical numbers (RFC 8224 §8.3) or URIs. */
export interface SignalledCall {
  /** Whose call it is: has its share of what is fetched. */
  readonly tenant: string;
  /** Values of its Identity fields as received. */
  readonly identities: readonly string[];
  /** Of P-Asserted-Identity, else of From; empty when the caller is withheld. */
  readonly callers: readonly string[];
  /** What the called number may be read as. */
  readonly called: readonly string[];
  readonly compact: CompactContext;
}

/** How a caller is shown (RFC 9795), by a token that passed. */
export interface ShownCaller {
  readonly name: string;
  /** What is there has the digest that was signed. */
  readonly icon: Icon | undefined;
  readonly reason: string | undefined;
  /** Who says so: the certificate's subject. */
  readonly signer: string;
}

export interface Verdict {
  readonly result: 'passed' | 'failed' | 'none';
  /** Of `failed`. */
  readonly failure: StirFailure | undefined;
  /** Of `passed`, where it was signed with `shaken`. */
  readonly attestation: Attestation | undefined;
  readonly origId: string | undefined;
  /** The number that is signed. */
  readonly orig: string | undefined;
  /** Who signed it: the certificate's subject. */
  readonly signer: string | undefined;
  /** Numbers that the call was sent on from, the first one first. */
  readonly divertedFrom: readonly string[];
  readonly shown: ShownCaller | undefined;
  /** What was found of each Identity value, for people. */
  readonly findings: readonly string[];
}

/** RFC 8224 §6.2 step 4, in either direction. */
const FRESH_SECONDS = 60;
/** RFC 8946 §4.2 step 4: what was signed before a phone rang and the call was sent on may be older. */
const FRESH_BEHIND_DIV_SECONDS = 600;
/** Chains of five and more are in use; beyond this many fields nothing is looked at. */
const MAX_IDENTITIES = 16;
const EMPTY = {
  failure: undefined,
  attestation: undefined,
  origId: undefined,
  orig: undefined,
  signer: undefined,
  divertedFrom: [],
  shown: undefined,
} as const;

export interface VerifierOptions {
  readonly repository: Pick<CertificateRepository, 'signer'>;
  readonly icons: Pick<Icons, 'fault'>;
  /** Default: this thread. */
  readonly signatures?: Signatures;
  /** How long a call may wait in all, ms. */
  readonly timeoutMs: () => number;
  /** Time of day, ms. */
  readonly wallMs: () => number;
}

/** A chain of claims that fits the call: the latest `div` first, what was signed first last. */
type Chain = readonly ReceivedPassport[];

export class Verifier {
  readonly #options: VerifierOptions;

  constructor(options: VerifierOptions) {
    this.#options = options;
  }

  /** A promise only where a certificate, or another thread, has to be waited for. */
  verify(call: SignalledCall): Verdict | Promise<Verdict> {
    const values = call.identities.slice(0, MAX_IDENTITIES + 1).flatMap(parseIdentity);
    if (values.length === 0) return { ...EMPTY, result: 'none', findings: ['the call has no Identity field'] };
    if (values.length > MAX_IDENTITIES)
      return failed([{ status: 438, reason: `has more than ${MAX_IDENTITIES} Identity values` }], []);
    const findings: string[] = [];
    const failures: StirFailure[] = [];
    const passports: ReceivedPassport[] = [];
    for (const value of values) {
      if (!isReadable(value)) failures.push({ status: 438, reason: `an Identity field ${value.fault}` });
      else this.#read(value, call.compact, passports, failures, findings);
    }
    if (passports.length === 0) return failed(orUnsupported(failures), findings);
    if (call.callers.length === 0)
      return failed(
        [{ status: 433, reason: 'the caller is anonymous: no number can be compared with what is signed' }],
        findings,
      );
    const chains = chainsOf(passports, call, Math.floor(this.#options.wallMs() / 1000), failures);
    return chains.length === 0
      ? failed(failures, findings)
      : this.#withCertificates(call.tenant, chains, failures, findings);
  }

  #read(
    value: IdentityValue,
    compact: CompactContext,
    passports: ReceivedPassport[],
    failures: StirFailure[],
    findings: string[],
  ): void {
    this.#take(readPassport(value, compact), passports, failures, findings);
  }

  /** RFC 8946 §5.1: what is inside of a `div-o` counts as if it stood beside it, and so on inward. */
  #take(
    read: ReturnType<typeof readPassport>,
    passports: ReceivedPassport[],
    failures: StirFailure[],
    findings: string[],
  ): void {
    if ('ignored' in read) findings.push(`${read.ignored} is not known and ignored`);
    else if ('status' in read) failures.push(read);
    else {
      findings.push(...described(read));
      // The same value twice proves nothing more.
      if (passports.some(({ input }) => input === read.input)) return;
      passports.push(read);
      if (read.opt === undefined) return;
      if (passports.length < MAX_IDENTITIES) this.#take(readNested(read.opt), passports, failures, findings);
      else failures.push({ status: 438, reason: `has more than ${MAX_IDENTITIES} tokens in one another` });
    }
  }

  #withCertificates(
    tenant: string,
    chains: readonly Chain[],
    failures: readonly StirFailure[],
    findings: readonly string[],
  ): Verdict | Promise<Verdict> {
    const signers = new Map<string, Signer | StirFailure>();
    const waits: Promise<unknown>[] = [];
    for (const { x5u } of chains.flat()) {
      if (signers.has(x5u.href)) continue;
      const signer = this.#options.repository.signer(x5u, tenant);
      // Held open until it is there, so that it is asked for once.
      signers.set(x5u.href, UNKNOWN);
      if (signer instanceof Promise) waits.push(signer.then((known) => signers.set(x5u.href, known)));
      else signers.set(x5u.href, signer);
    }
    const beganMs = this.#options.wallMs();
    const decide = (faults: Faults) =>
      this.#withIcon(tenant, decided(chains, { signers, faults }, failures, findings), beganMs);
    const judge = (): Verdict | Promise<Verdict> => {
      const faults = this.#faultsOf(chains, signers);
      return faults instanceof Promise ? faults.then(decide) : decide(faults);
    };
    return waits.length === 0 ? judge() : Promise.all(waits).then(judge);
  }

  /** What is wrong with each token, of those in several chains once; the signature is looked at last. */
  #faultsOf(chains: readonly Chain[], signers: Signers): Faults | Promise<Faults> {
    const { wallMs, signatures = signaturesHere } = this.#options;
    const nowMs = wallMs();
    const faults = new Map<ReceivedPassport, StirFailure | undefined>();
    const waits: Promise<unknown>[] = [];
    for (const passport of chains.flat()) {
      if (faults.has(passport)) continue;
      const signer = signers.get(passport.x5u.href) ?? UNKNOWN;
      const fault = 'status' in signer ? signer : authorityFault(passport, signer, nowMs);
      faults.set(passport, fault);
      if (fault !== undefined || 'status' in signer) continue;
      const judge = (isGood: boolean) => faults.set(passport, isGood ? undefined : WRONG);
      const isGood = signatures.verify(passport.input, passport.signature, signer.key);
      if (isGood instanceof Promise) waits.push(isGood.then(judge));
      else judge(isGood);
    }
    return waits.length === 0 ? faults : Promise.all(waits).then(() => faults);
  }

  /** An icon that is not what was signed costs the caller its icon, never the call; the time that is left is waited for it. */
  #withIcon(tenant: string, verdict: Verdict, beganMs: number): Verdict | Promise<Verdict> {
    const { shown, findings } = verdict;
    if (shown?.icon === undefined) return verdict;
    const { icons, timeoutMs, wallMs } = this.#options;
    const fault = icons.fault(shown.icon, tenant, timeoutMs() - Math.max(0, wallMs() - beganMs));
    const judged = (found: string | undefined): Verdict =>
      found === undefined
        ? verdict
        : { ...verdict, shown: { ...shown, icon: undefined }, findings: [...findings, `not shown: ${found}`] };
    return fault instanceof Promise ? fault.then(judged) : judged(fault);
  }
}

const UNKNOWN: StirFailure = { status: 436, reason: 'the certificate is not there' };
const WRONG: StirFailure = { status: 438, reason: 'the signature is wrong' };

/** By x5u. */
type Signers = ReadonlyMap<string, Signer | StirFailure>;
/** What is wrong with each token of the chains; undefined: nothing. */
type Faults = ReadonlyMap<ReceivedPassport, StirFailure | undefined>;

/** The chains that fit the call by what they claim; what is wrong with the others goes to `failures`. */
function chainsOf(
  passports: readonly ReceivedPassport[],
  { called, callers }: SignalledCall,
  nowSeconds: number,
  failures: StirFailure[],
): readonly Chain[] {
  const divs = passports.filter(({ type }) => type === 'div');
  // What attests the caller before what only says how it is shown.
  const roots = [false, true].flatMap((rich) =>
    passports.filter(({ type }) => type !== 'div' && (type === 'rcd') === rich),
  );
  if (roots.length === 0) failures.push({ status: 438, reason: 'has div tokens and none that they go back to' });
  return roots.flatMap((root) => {
    const chain = chainTo(root, called, divs);
    const fault = chain === undefined ? notForThis(root, divs, called) : chainFault(chain, callers, nowSeconds);
    if (fault !== undefined) failures.push(fault);
    return chain === undefined || fault !== undefined ? [] : [chain];
  });
}

/** RFC 8946 §4.2: from the called number back through `div` to what was signed first. Each token is looked at once. */
function chainTo(
  root: ReceivedPassport,
  called: readonly string[],
  divs: readonly ReceivedPassport[],
): Chain | undefined {
  const left = new Set(divs);
  const ways: { readonly targets: readonly string[]; readonly chain: Chain }[] = [{ targets: called, chain: [] }];
  for (const { targets, chain } of ways) {
    if (reaches(root, targets)) return [...chain, root];
    for (const div of left) {
      if (div.div === undefined || !reaches(div, targets)) continue;
      left.delete(div);
      ways.push({ targets: [div.div], chain: [...chain, div] });
    }
  }
  return undefined;
}

function reaches({ dest }: ReceivedPassport, targets: readonly string[]): boolean {
  return dest.some((each) => targets.includes(each));
}

function notForThis(
  { dest }: ReceivedPassport,
  divs: readonly ReceivedPassport[],
  called: readonly string[],
): StirFailure {
  const way = divs.length === 0 ? '' : ', and its div tokens do not lead there';
  return { status: 438, reason: `is signed for ${dest.join(', ')}; ${called[0] ?? 'no number'} is called${way}` };
}

function chainFault(chain: Chain, callers: readonly string[], nowSeconds: number): StirFailure | undefined {
  for (const [index, { iatSeconds }] of chain.entries()) {
    const seconds = nowSeconds - iatSeconds;
    const limit = index === 0 ? FRESH_SECONDS : FRESH_BEHIND_DIV_SECONDS;
    if (seconds > limit) return { status: 403, reason: `was signed ${seconds} s ago` };
    if (seconds < -FRESH_SECONDS) return { status: 403, reason: `was signed ${-seconds} s from now` };
  }
  const orig = chain.at(-1)?.orig ?? '';
  if (chain.some((passport) => passport.orig !== orig))
    return { status: 438, reason: 'orig is not the same in all tokens of the chain' };
  if (!callers.includes(orig)) return { status: 438, reason: `is signed for calls of ${orig}; ${callers[0]} calls` };
  return undefined;
}

function decided(
  chains: readonly Chain[],
  { signers, faults: found }: { readonly signers: Signers; readonly faults: Faults },
  before: readonly StirFailure[],
  findings: readonly string[],
): Verdict {
  const failures: StirFailure[] = [];
  const good = chains.filter((chain) => {
    const faults = chain.flatMap((passport) => found.get(passport) ?? []);
    failures.push(...faults);
    return faults.length === 0;
  });
  const [first] = good;
  if (first === undefined) return failed([...before, ...failures], findings);
  const others = [...before, ...failures].map(({ status, reason }) => `${status}: ${reason}`);
  return { ...passed(first, signers, [...findings, ...others]), shown: shownBy(good, signers) };
}

/** By the first token that says anything of it; a caller that has neither name nor icon is shown as before. */
function shownBy(chains: readonly Chain[], signers: Signers): ShownCaller | undefined {
  for (const chain of chains) {
    const { rich, x5u } = chain.at(-1) as ReceivedPassport;
    if (rich === undefined || typeof rich === 'string') continue;
    const { name, icon, reason } = rich;
    if (name === '' && icon === undefined && reason === undefined) continue;
    return { name, icon, reason, signer: (signers.get(x5u.href) as Signer).name };
  }
  return undefined;
}

function passed(chain: Chain, signers: Signers, findings: readonly string[]): Verdict {
  const root = chain.at(-1) as ReceivedPassport;
  return {
    result: 'passed',
    failure: undefined,
    attestation: root.attest,
    origId: root.origId,
    orig: root.orig,
    signer: (signers.get(root.x5u.href) as Signer).name,
    divertedFrom: chain.flatMap(({ div }) => div ?? []).reverse(),
    shown: undefined,
    findings,
  };
}

/** Why the signer may not say this, whatever the signature. */
function authorityFault(
  { type, div, orig, claims }: ReceivedPassport,
  signer: Signer,
  wallMs: number,
): StirFailure | undefined {
  const { name, notBeforeMs, notAfterMs, constraints } = signer;
  const unsupported = (reason: string): StirFailure => ({ status: 437, reason });
  if (wallMs > notAfterMs) return unsupported(`${name}, or what it leads to, has expired`);
  if (wallMs < notBeforeMs) return unsupported(`${name}, or what it leads to, is not valid yet`);
  // RFC 8946 §3: who sends a call on speaks for the number that was called.
  const number = (type === 'div' ? div : orig) ?? '';
  if (!isAuthorityFor(signer, number)) return unsupported(`${name} does not speak for ${number} (TNAuthList)`);
  const broken = constraintBroken(constraints, claims);
  return broken === undefined ? undefined : unsupported(`${name} ${broken}`);
}

/** RFC 8224 §6.2.1: the call fails only when every value does. Told is what came furthest: the last that was found. */
function failed(failures: readonly StirFailure[], findings: readonly string[]): Verdict {
  return {
    ...EMPTY,
    result: 'failed',
    failure: failures.at(-1),
    findings: [...findings, ...failures.map(({ status, reason }) => `${status}: ${reason}`)],
  };
}

function orUnsupported(failures: readonly StirFailure[]): readonly StirFailure[] {
  return failures.length > 0 ? failures : [{ status: 438, reason: 'no Identity field has a ppt that is known' }];
}

function described(passport: ReceivedPassport): readonly string[] {
  const { type, opt, attest, orig, dest, div, iatSeconds, x5u, rich } = passport;
  const facts = [
    opt === undefined ? type : 'div-o',
    ...(attest === undefined ? [] : [`attestation ${attest}`]),
    `orig ${orig}`,
    ...(div === undefined ? [] : [`div ${div}`]),
    `dest ${dest.join(', ')}`,
    `iat ${iatSeconds}`,
    `x5u ${x5u.href}`,
  ];
  if (rich === undefined) return [facts.join(', ')];
  if (typeof rich === 'string') return [facts.join(', '), `rich call data is not shown: ${rich}`];
  facts.push(`name ${JSON.stringify(rich.name)}`, ...(rich.icon === undefined ? [] : [`icon ${rich.icon.url}`]));
  return [facts.join(', '), ...rich.faults.map((fault) => `not shown: ${fault}`)];
}
