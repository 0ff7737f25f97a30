/**
 * Which texts in the place of a called number a trunk reads as numbers of its pools: its `numberFormat` and `normalize` the other way
 * round. Two trunks that read a number alike never have one text both, since their pools do not overlap; two that read it differently may.
 */
import type { Steps } from '../../base/steps.ts';
import { type DidPool, lastAtMost } from '../tenants/did-pool.ts';
import { formatRules } from '../tenants/number-format.ts';
import type { InboundSource, Normalization, Trunk } from '../trunk-settings/schema.ts';
import { poolOf } from './trunk-pools.ts';

/** Texts of so many digits, behind a `+` or not, of which the last `fixed` are from `first` to `last`, and the others any. */
interface Texts {
  readonly plus: boolean;
  readonly digits: number;
  readonly fixed: number;
  readonly first: number;
  readonly last: number;
}

/** A value and how many digits write it, also with more zeros in front where `padded`. */
interface Outcome extends Range {
  readonly plus: boolean;
  readonly digits: number;
  readonly padded: boolean;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

type Take = (texts: Texts) => void;

/** Digits of a number; with two zeros in front they are more. */
const MOST_FIXED = 15;
const MOST_DIGITS = MOST_FIXED + 2;
/** Further zeros in front no carrier writes. */
const MOST_ZEROS = 2;
const ITEMS_PER_STEP = 16;

/** Where the called number stands, or the network's word for it. */
const OF_CALLED: ReadonlySet<string> = new Set([
  'to.user',
  'requestUri.user',
  'pCalledPartyId.user',
  'remotePartyIdCalled.user',
]);

export const isOfCalled = (source: InboundSource): boolean => OF_CALLED.has(source);

/** A text that trunks of two tenants read as a number of theirs; `of` is the later in the list, or the one that was asked for. */
export interface SharedText {
  readonly of: Trunk;
  readonly other: Trunk;
  readonly text: string;
}

/**
 * What tenants' own trunks of one provider, whose pools can be read, have together. A trunk of the system's is asked before them in any
 * case, and Teams and WhatsApp say by a name whom they call.
 * @param mostPairs so many pairs that read numbers differently are looked at
 */
export function* sharedTexts(
  trunks: readonly Trunk[],
  isAsked: (trunk: Trunk) => boolean,
  mostPairs = Number.POSITIVE_INFINITY,
): Steps<SharedText[]> {
  const readers: { readonly trunk: Trunk; readonly reading: string }[] = [];
  for (const trunk of trunks) {
    yield;
    if (trunk.owner !== 'system' && trunk.type !== 'whatsapp' && trunk.teams === undefined)
      readers.push({ trunk, reading: readingOf(trunk) });
  }
  const found: SharedText[] = [];
  if (readers.every(({ reading }) => reading === readers[0]?.reading)) return found;
  let pairs = 0;
  for (const [at, { trunk, reading }] of readers.entries()) {
    if (!isAsked(trunk)) continue;
    let texts: CalledTexts | undefined;
    for (const [otherAt, other] of readers.entries()) {
      if (otherAt % ITEMS_PER_STEP === 0) yield;
      if (other.reading === reading || other.trunk.owner === trunk.owner) continue;
      if (otherAt > at && isAsked(other.trunk)) continue;
      if (++pairs > mostPairs) return found;
      texts ??= yield* CalledTexts.of(trunk);
      const text = yield* texts.sharedWith(other.trunk);
      if (text !== undefined) found.push({ of: trunk, other: other.trunk, text });
    }
  }
  return found;
}

/** The texts that one trunk reads as its own, to be asked for those of others. */
class CalledTexts {
  readonly #sources: readonly InboundSource[];
  readonly #texts = new Map<string, Map<number, Range[]>>();
  readonly #merged = new Map<string, Merged>();

  private constructor({ inboundParameters }: Trunk) {
    this.#sources = inboundParameters.calledNumber;
  }

  static *of(trunk: Trunk): Steps<CalledTexts> {
    const made = new CalledTexts(trunk);
    yield* textsOf(trunk, (texts) => made.#add(texts));
    return made;
  }

  /** A text that another trunk reads as its own too, its end where the rest may be any; undefined: there is none. */
  *sharedWith(other: Trunk): Steps<string | undefined> {
    const both = [this.#sources, other.inboundParameters.calledNumber];
    const [elsewhere = '', othersElsewhere = ''] = both.map(elsewhereIn);
    // Of two fields that say nothing of who is called each may hold anything.
    if (elsewhere !== '' && othersElsewhere !== '' && elsewhere !== othersElsewhere) return '…';
    const mayMeet = (elsewhere !== '' && othersElsewhere !== '') || both.every((sources) => sources.some(isOfCalled));
    if (!mayMeet) return undefined;
    let found: string | undefined;
    const looking = textsOf(other, (texts) => {
      found ??= this.#find(texts);
    });
    while (found === undefined && looking.next().done !== true) yield;
    return found;
  }

  #add(texts: Texts): void {
    const key = keyOf(texts);
    const some = this.#texts.get(key) ?? new Map<number, Range[]>();
    this.#texts.set(key, some);
    const same = some.get(texts.fixed);
    if (same === undefined) some.set(texts.fixed, [texts]);
    else same.push(texts);
  }

  #find(texts: Texts): string | undefined {
    const key = keyOf(texts);
    for (const [fixed, some] of this.#texts.get(key) ?? []) {
      const common = Math.min(fixed, texts.fixed);
      const { firsts, lasts } = this.#ends(`${key} ${fixed} ${common}`, some, fixed, common);
      for (const { first, last } of endsOf(texts, texts.fixed, common)) {
        const at = lastAtMost(firsts, last);
        if (at < 0 || (lasts[at] ?? 0) < first) continue;
        const end = common === 0 ? '' : String(Math.max(first, firsts[at] ?? 0)).padStart(common, '0');
        return common === texts.digits ? `${texts.plus ? '+' : ''}${end}` : `…${end}`;
      }
    }
    return undefined;
  }

  #ends(key: string, some: readonly Range[], fixed: number, digits: number): Merged {
    let merged = this.#merged.get(key);
    if (merged === undefined) {
      merged = mergedOf(some.flatMap((range) => endsOf(range, fixed, digits)));
      this.#merged.set(key, merged);
    }
    return merged;
  }
}

/** Disjoint ranges, ascending. */
interface Merged {
  readonly firsts: readonly number[];
  readonly lasts: readonly number[];
}

/** How a trunk reads the called number, as one text. */
function readingOf({ inboundParameters: { calledNumber, normalize }, numberFormat }: Trunk): string {
  return JSON.stringify([calledNumber, normalize.calledNumber, numberFormat]);
}

function elsewhereIn(sources: readonly InboundSource[]): string {
  return sources.filter((source) => !isOfCalled(source)).join();
}

function keyOf({ plus, digits }: Texts): string {
  return `${plus ? '+' : ''}${digits}`;
}

/** The last so many digits of numbers of `fixed` digits. */
function endsOf(range: Range, fixed: number, digits: number): readonly Range[] {
  if (digits === fixed) return [range];
  const all = 10 ** digits;
  if (range.last - range.first + 1 >= all) return [{ first: 0, last: all - 1 }];
  const [first, last] = [range.first % all, range.last % all];
  if (first <= last) return [{ first, last }];
  return [
    { first: 0, last },
    { first, last: all - 1 },
  ];
}

function mergedOf(ranges: readonly Range[]): Merged {
  const firsts: number[] = [];
  const lasts: number[] = [];
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    const reached = lasts.at(-1);
    if (reached !== undefined && first <= reached) lasts[lasts.length - 1] = Math.max(reached, last);
    else {
      firsts.push(first);
      lasts.push(last);
    }
  }
  return { firsts, lasts };
}

function* textsOf({ assignments, inboundParameters, numberFormat }: Trunk, take: Take): Steps<void> {
  const asWritten = before(inboundParameters.normalize.calledNumber ?? {}, MOST_ZEROS);
  let count = 0;
  for (const rules of formatRules(numberFormat)) {
    const normalized = before({ replacePrefix: rules }, MOST_DIGITS);
    for (const assignment of assignments)
      for (const number of numbersOf(poolOf(assignment))) {
        normalized(number, (texts) => asWritten({ ...texts, padded: false }, take));
        if (++count % ITEMS_PER_STEP === 0) yield;
      }
  }
}

/** The numbers of a pool, which are the same with `+` and with zeros in front. */
function* numbersOf(pool: DidPool): Generator<Outcome> {
  for (let at = 0; at < pool.size; at++) {
    const range = pool.range(at);
    for (let digits = String(range.first).length; digits <= String(range.last).length; digits++) {
      const first = Math.max(range.first, 10 ** (digits - 1));
      const last = Math.min(range.last, 10 ** digits - 1);
      for (const plus of [true, false]) yield { plus, digits, padded: true, first, last };
    }
  }
}

/** One way in which a normalisation makes a text: `from` and what follows become `to` and what follows. */
interface Way {
  readonly from: string;
  readonly hasPlus: boolean;
  readonly to: string;
  readonly makesPlus: boolean;
  /** What follows `from` begins with none of these. */
  readonly except: readonly string[];
}

/** What gives a text of these when it is normalised. @param zeros so many may be in front of what follows a prefix */
function before(how: Normalization, zeros: number): (outcome: Outcome, take: Take) => void {
  const ways = waysOf(how);
  const { strip = 0 } = how;
  return ({ plus, digits, padded, first, last }, take) => {
    for (const way of ways) {
      if (way.makesPlus !== plus) continue;
      const most = (padded ? MOST_DIGITS : digits) - way.to.length;
      for (let rest = Math.max(0, padded ? 0 : most); rest <= most; rest++) {
        const all = 10 ** rest;
        const made = Number(way.to) * all;
        const range = { first: Math.max(0, first - made), last: Math.min(all - 1, last - made) };
        if (range.first > range.last || range.last < Math.floor(10 ** (rest - zeros - 1))) continue;
        for (const left of without(range, way.except, rest)) stripped(withPrefix(way, left, rest), strip, take);
      }
    }
  };
}

function waysOf({ replacePrefix = [], prepend = '' }: Normalization): Way[] {
  // A text with `+` has nothing else before it, so it stands for itself.
  const rules = [...replacePrefix, { from: '', to: '' }].flatMap(({ from, to }) =>
    from === ''
      ? [
          { from, to },
          { from: '+', to: `${to}+` },
        ]
      : [{ from, to }],
  );
  return rules.flatMap(({ from, to }, at) => {
    const earlier = rules.slice(0, at).map((rule) => rule.from);
    const isTaken = earlier.some((each) => (each === '' ? !from.startsWith('+') : from.startsWith(each)));
    const made = prepend + to;
    if (isTaken || !DIALLED.test(from) || !DIALLED.test(made)) return [];
    const except = earlier.flatMap((each) => (each.startsWith(from) ? each.slice(from.length) : []));
    return {
      ...{ from: bare(from), hasPlus: from.startsWith('+') },
      ...{ to: bare(made), makesPlus: made.startsWith('+') },
      except: except.filter((digits) => /^[0-9]+$/.test(digits)),
    };
  });
}

/** Whatever else stands in a number makes it none. */
const DIALLED = /^\+?[0-9]*$/;

function bare(text: string): string {
  return text.startsWith('+') ? text.slice(1) : text;
}

/** A range of numbers of so many digits without those that begin with one of these. */
function without(range: Range, prefixes: readonly string[], digits: number): readonly Range[] {
  let left: readonly Range[] = [range];
  for (const prefix of prefixes) {
    if (prefix.length > digits) continue;
    const all = 10 ** (digits - prefix.length);
    const from = Number(prefix) * all;
    left = left.flatMap(({ first, last }) =>
      [
        { first, last: Math.min(last, from - 1) },
        { first: Math.max(first, from + all), last },
      ].filter((each) => each.first <= each.last),
    );
  }
  return left;
}

function withPrefix({ from, hasPlus }: Way, { first, last }: Range, rest: number): Texts {
  const digits = from.length + rest;
  // Fifteen digits are kept exactly.
  const fixed = Math.min(digits, MOST_FIXED);
  const prefix = fixed > rest ? Number(from.slice(rest - fixed)) * 10 ** rest : 0;
  return { plus: hasPlus, digits, fixed, first: prefix + first, last: prefix + last };
}

/** The texts of which these are left when so many characters are taken off the front; `+` is one. */
function stripped(texts: Texts, strip: number, take: Take): void {
  if (strip === 0 && texts.digits > 0) take(texts);
  else if (strip > 0 && !texts.plus) {
    const { digits } = texts;
    // Of a shorter one nothing is left.
    for (let off = digits === 0 ? 1 : strip; off <= strip; off++) take({ ...texts, digits: digits + off });
    for (let off = digits === 0 ? 2 : strip; off <= strip; off++)
      take({ ...texts, plus: true, digits: digits + off - 1 });
  }
}
