/** What a certificate allows its holder to claim (RFC 8226 §8, RFC 9118 §3). */
import { type BaseBlock, fromBER, IA5String, Utf8String } from 'asn1js';
import { canonicalJson } from './passport.ts';
import type { JsonObject, JsonValue } from './strict-json.ts';
import { childrenOf, EXTENSION, type X509Extension } from './x509-extensions.ts';

export interface ClaimConstraints {
  readonly mustInclude: readonly string[];
  readonly permittedValues: readonly { readonly claim: string; readonly values: readonly string[] }[];
  readonly mustExclude: readonly string[];
}

/** RFC 9118 §3: with one of these in `mustExclude` the extension counts as absent. */
const BASELINE = ['iat', 'orig', 'dest'];
const MUST_INCLUDE = 0;
const PERMITTED_VALUES = 1;
const MUST_EXCLUDE = 2;

/** Undefined: the certificate allows everything. Throws an Error that says what is wrong. */
export function claimConstraintsOf(extensions: ReadonlyMap<string, X509Extension>): ClaimConstraints | undefined {
  const plain = extensions.get(EXTENSION.jwtClaimConstraints);
  const enhanced = extensions.get(EXTENSION.enhancedJwtClaimConstraints);
  // RFC 9118 §6
  if (plain !== undefined && enhanced !== undefined) throw new Error('has claim constraints of both kinds');
  const extension = enhanced ?? plain;
  if (extension === undefined) return undefined;
  const parts = new Map<number, BaseBlock>();
  for (const part of childrenOf(fromBER(extension.value).result)) parts.set(part.idBlock.tagNumber, part);
  const mustExclude = enhanced === undefined ? [] : namesIn(parts.get(MUST_EXCLUDE));
  if (mustExclude.some((name) => BASELINE.includes(name))) return undefined;
  return {
    mustInclude: namesIn(parts.get(MUST_INCLUDE)),
    permittedValues: childrenOf(childrenOf(parts.get(PERMITTED_VALUES))[0]).map((entry) => {
      const [claim, values] = childrenOf(entry);
      return { claim: textOf(claim), values: childrenOf(values).map(textOf) };
    }),
    mustExclude,
  };
}

/** Which claim breaks the constraints, in words; undefined when none does. `claims` are JSON, received or to be signed. */
export function constraintBroken(constraints: ClaimConstraints | undefined, claims: object): string | undefined {
  if (constraints === undefined) return undefined;
  const has = (name: string) => Object.hasOwn(claims, name);
  const missing = constraints.mustInclude.find((name) => !has(name));
  if (missing !== undefined) return `asks for the claim ${missing}`;
  const excluded = constraints.mustExclude.find(has);
  if (excluded !== undefined) return `does not allow the claim ${excluded}`;
  const other = constraints.permittedValues.find(
    ({ claim, values }) => has(claim) && !values.some((value) => isSame(value, (claims as JsonObject)[claim])),
  );
  return other === undefined ? undefined : `does not allow this value of the claim ${other.claim}`;
}

/** Objects, as `rcd` is one, are compared in the one way in which tokens write them (RFC 8225 §9). */
function isSame(permitted: string, claim: JsonValue | undefined): boolean {
  if (typeof claim === 'string') return permitted === claim;
  const text = canonicalJson(claim);
  if (permitted === text) return true;
  try {
    return canonicalJson(JSON.parse(permitted)) === text;
  } catch {
    return false;
  }
}

/** `[n] EXPLICIT SEQUENCE OF IA5String`. */
function namesIn(part: BaseBlock | undefined): readonly string[] {
  return childrenOf(childrenOf(part)[0]).map(textOf);
}

function textOf(block: BaseBlock | undefined): string {
  if (block instanceof IA5String || block instanceof Utf8String) return block.getValue();
  throw new Error('has claim constraints of an unknown form');
}
