import { fromBER, IA5String, Integer, Sequence } from 'asn1js';

/** RFC 8226 §9: what a certificate may speak for. */
export interface TnAuthList {
  /** Service provider codes (OCN, SPID): they name the numbers of a provider, without listing them. */
  readonly spcs: readonly string[];
  /** Numbers one by one and in ranges, first and last. */
  readonly ranges: readonly TnRange[];
}

export interface TnRange {
  readonly first: string;
  readonly last: string;
}

/** `SIZE (1..15)) (FROM ("0123456789#*"))` */
const TELEPHONE_NUMBER = /^[0-9*#]{1,15}$/;
const DIGITS = /^[0-9]{1,15}$/;
/** SPCs are four characters in North America and not much longer elsewhere. */
const SERVICE_PROVIDER_CODE = /^[\x21-\x7e]{1,64}$/;

const SPC = 0;
const RANGE = 1;
const ONE = 2;

/** Reads the extension's value (DER of TNAuthorizationList, tags EXPLICIT as in RFC 8226's module). Throws an Error that says what is wrong. */
export function parseTnAuthList(der: Uint8Array): TnAuthList {
  const { result, offset } = fromBER(der);
  if (offset !== der.length || !(result instanceof Sequence)) throw new Error('not a TNAuthorizationList');
  const entries = result.valueBlock.value;
  if (entries.length === 0) throw new Error('has no entries');
  const spcs: string[] = [];
  const ranges: TnRange[] = [];
  for (const entry of entries) {
    const { tagClass, tagNumber } = entry.idBlock;
    const inner = (entry.valueBlock as { value?: unknown[] }).value?.[0];
    if (tagClass !== CONTEXT_SPECIFIC || inner === undefined) throw new Error('has an entry of an unknown form');
    if (tagNumber === SPC) spcs.push(textOf(inner, SERVICE_PROVIDER_CODE));
    else if (tagNumber === RANGE) ranges.push(rangeOf(inner));
    else if (tagNumber === ONE) {
      const number = textOf(inner, TELEPHONE_NUMBER);
      ranges.push({ first: number, last: number });
    } else throw new Error(`has an entry of the unknown kind [${tagNumber}]`);
  }
  return { spcs, ranges };
}

const CONTEXT_SPECIFIC = 3;

/** RFC 8226 §9: a range of `count` numbers from `start`; all have as many digits as the first one. */
function rangeOf(block: unknown): TnRange {
  if (!(block instanceof Sequence)) throw new Error('has a range of an unknown form');
  const [start, count] = block.valueBlock.value;
  const first = textOf(start, DIGITS);
  if (!(count instanceof Integer)) throw new Error(`has a range from ${first} without a count`);
  const size = count.toBigInt();
  const last = String(BigInt(first) + size - 1n).padStart(first.length, '0');
  if (size < 2n || last.length > first.length) throw new Error(`has a range of ${size} numbers from ${first}`);
  return { first, last };
}

function textOf(block: unknown, allowed: RegExp): string {
  const text = block instanceof IA5String ? block.getValue() : undefined;
  if (text === undefined || !allowed.test(text)) throw new Error('has an entry that is neither a code nor a number');
  return text;
}

/** Says whether the list names a canonical number. A service provider code names numbers that the certificate does not say. */
export function listsNumber(list: TnAuthList, number: string): boolean {
  return list.ranges.some(
    ({ first, last }) =>
      number.length === first.length && number >= first && number <= last && (first === last || DIGITS.test(number)),
  );
}
