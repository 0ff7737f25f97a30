/**
 * What is known of the caller of a call from a trunk: by its Identity fields, which this engine verifies (`stirVerify`), or by the word of a
 * trusted carrier that has verified them itself (`verstat`). Of a trunk that is not trusted nothing of that kind is read.
 */
import type { VerificationFacts } from '../../call/index.ts';
import type { InboundCall } from '../../inbound/index.ts';
import { type NumberFormat, numbersMeant } from '../../provisioning/tenants/number-format.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import {
  addressValues,
  HeaderId,
  isSipUri,
  type NameAddr,
  readableNameAddrs,
  type SipRequest,
  subscriberNumber,
  type Uri,
} from '../../sip/message/index.ts';
import {
  ATTESTATION_FIELDS,
  canonicalJson,
  parseAttestation,
  parseVerstat,
  type SignalledCall,
  STIR_REASONS,
  type Verdict,
  type Verifier,
} from '../../stir/index.ts';

/** How calls from a trunk are verified, once the node's settings are known. */
export type VerifyMode = 'off' | 'tag' | 'reject';

export interface CallVerificationOptions {
  readonly verifier: Pick<Verifier, 'verify'>;
  /** Whether there are trust anchors. */
  readonly verifies: () => boolean;
}

export interface VerifiedCall {
  readonly facts: VerificationFacts;
  /** Whether it is the number that phones are shown: rules and names go by that one alone. */
  readonly isOfShownNumber: boolean;
}

export class CallVerification {
  readonly #options: CallVerificationOptions;

  constructor(options: CallVerificationOptions) {
    this.#options = options;
  }

  modeOf({ options: { stirVerify } }: Trunk): VerifyMode {
    if (stirVerify !== 'auto') return stirVerify;
    return this.#options.verifies() ? 'tag' : 'off';
  }

  /** A promise only where a certificate has to be waited for; undefined where nobody says anything of the caller. */
  verify(request: SipRequest, call: InboundCall): VerifiedCall | undefined | Promise<VerifiedCall> {
    const { trunk } = call;
    const mode = this.modeOf(trunk);
    if (mode === 'off') return this.#byCarrier(request, call);
    const identities = request.headers.fieldValues(HeaderId.Identity);
    if (identities.length === 0) {
      // A carrier may have verified in our stead; where a signature is demanded, its word is none.
      const told = mode === 'tag' ? this.#byCarrier(request, call) : undefined;
      return told ?? unsigned(mode);
    }
    const verdict = this.#options.verifier.verify(this.#signalled(request, call, identities));
    return verdict instanceof Promise ? verdict.then((known) => verified(known, call)) : verified(verdict, call);
  }

  #signalled(
    request: SipRequest,
    { trunk, numbers, called: of }: InboundCall,
    identities: readonly string[],
  ): SignalledCall {
    const { numberFormat } = trunk;
    const callers = canonical(callerText(request), numberFormat);
    const called = canonical(numbers.calledNumber, numberFormat);
    const dateMs = Date.parse(request.headers.value(HeaderId.Date) ?? '');
    return {
      tenant: of?.tenant.name ?? trunk.owner,
      identities,
      callers,
      called: [...called, ...addressOf(request.to().uri)],
      compact: {
        iatSeconds: Number.isNaN(dateMs) ? undefined : Math.floor(dateMs / 1000),
        claims: (iat) => canonicalJson({ dest: { tn: called.slice(0, 1) }, iat, orig: { tn: callers[0] ?? '' } }),
      },
    };
  }

  /** Precedence: P-Asserted-Identity with a tel URI, with a SIP URI, From. */
  #byCarrier(request: SipRequest, { trunk, numbers }: InboundCall): VerifiedCall | undefined {
    if (!trunk.options.trusted) return undefined;
    const { headers } = request;
    const asserted = addressValues(headers, HeaderId.PAssertedIdentity);
    const byTel = [...asserted.filter(isTel), ...asserted.filter((value) => !isTel(value))];
    const from = headers.value(HeaderId.From) ?? '';
    const told = [...byTel, from].map(verstatIn).find((verstat) => verstat !== undefined);
    if (told === undefined) return undefined;
    const field = ATTESTATION_FIELDS.map((name) => parseAttestation(headers.valueNamed(name))).find(
      (each) => each !== undefined,
    );
    const { result } = told;
    const [number] = canonical(callerText(request), trunk.numberFormat);
    return {
      facts: {
        result,
        source: 'carrier',
        // Only what was verified in full is attested.
        attestation: result === 'passed' ? (told.attestation ?? field) : undefined,
        number,
        originationId: headers.valueNamed('P-Origination-ID')?.slice(0, 128),
        findings: [`trunk "${trunk.name}" says ${told.written}`],
      },
      isOfShownNumber: number === undefined || canonical(numbers.callerNumber, 'e164').includes(number),
    };
  }
}

/** What phones are told of the caller: how it is to be shown goes with its number, and with a caller that is not withheld. */
export function toldToPhones(verified: VerifiedCall | undefined, anonymous: boolean): VerificationFacts | undefined {
  const facts = verified?.facts;
  if (facts?.shown === undefined || (verified?.isOfShownNumber === true && !anonymous)) return facts;
  return { ...facts, shown: undefined };
}

/** `Reason` of RFC 9410, for a refusal and for a call that goes on. */
export function stirReason({ code, reason }: VerificationFacts): string | undefined {
  if (code === undefined) return undefined;
  const text = `${reasonPhraseOf(code)}: ${reason ?? ''}`.replaceAll(/[^\x20-\x7e]|["\\]/g, ' ').slice(0, 200);
  return `STIR;cause=${code};text="${text}"`;
}

export function reasonPhraseOf(code: number): string {
  return (STIR_REASONS as Readonly<Record<number, string>>)[code] ?? '';
}

function unsigned(mode: VerifyMode): VerifiedCall {
  const reason = 'the call has no Identity field';
  const failure = mode === 'reject' ? ({ result: 'failed', code: 428, reason } as const) : { result: 'none' as const };
  return { facts: { ...failure, source: 'identity', findings: [reason] }, isOfShownNumber: true };
}

function verified(verdict: Verdict, { numbers, anonymous }: InboundCall): VerifiedCall {
  const { result, attestation, orig, failure, origId, signer, divertedFrom, shown, findings } = verdict;
  return {
    facts: {
      result,
      source: 'identity',
      attestation,
      number: orig,
      code: failure?.status,
      reason: failure?.reason,
      originationId: origId,
      signer,
      ...(divertedFrom.length > 0 && { divertedFrom }),
      ...(shown !== undefined && {
        shown: { name: shown.name, icon: shown.icon?.url, callReason: shown.reason, signer: shown.signer },
      }),
      findings,
    },
    isOfShownNumber: result !== 'passed' || anonymous || canonical(numbers.callerNumber, 'e164').includes(orig ?? ''),
  };
}

/** RFC 8224 §8: the number of P-Asserted-Identity where there is one, else that of From. */
function callerText(request: SipRequest): string {
  const asserted = readableNameAddrs(request.headers, HeaderId.PAssertedIdentity);
  return [...asserted, request.from()].map(numberOf).find((number) => number !== '') ?? '';
}

/** The number of an address; empty when it has none. */
function numberOf({ uri }: Pick<NameAddr, 'uri'>): string {
  const number = subscriberNumber(uri);
  return uri.scheme === 'tel' || /^\+?[0-9]/.test(number) ? number : '';
}

/** RFC 8224 §8.5: a URI is compared by user and host. */
function addressOf(uri: Uri): readonly string[] {
  return isSipUri(uri)
    ? [`${uri.scheme}:${uri.user === undefined ? '' : `${uri.user}@`}${uri.host.toLowerCase()}`]
    : [];
}

function canonical(text: string, format: NumberFormat): readonly string[] {
  return numbersMeant(text, format).map(String);
}

function isTel(value: string): boolean {
  return /(?:^|<)\s*tel:/i.test(withoutQuoted(value));
}

/** Before the `@` or behind it, as a parameter of the URI or of the field, with a host or without. */
function verstatIn(value: string) {
  // Nearly no call has one.
  if (!/verstat/i.test(value)) return undefined;
  const written = /;\s*verstat\s*=\s*"?([A-Za-z-]{1,40})/i.exec(withoutQuoted(value))?.[1];
  const verstat = written === undefined ? undefined : parseVerstat(written);
  return verstat === undefined ? undefined : { ...verstat, written };
}

/** A display name says nothing of the number. */
function withoutQuoted(value: string): string {
  return value.replace(/^\s*"(?:[^"\\]|\\.)*"/, '');
}
