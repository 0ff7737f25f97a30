import type { NumberProcessing } from '../provisioning/tenants/tenant-settings.ts';

/**
 * Number processing: turns what a user dialled into the number that outbound rules see, and says of which class it is.
 * Pure text in, text out; a tenant without settings dials what it dials. `removePlus` of a trunk is not here: it acts last, per route.
 */

export interface ProcessedNumber {
  readonly number: string;
  readonly kind: 'domestic' | 'international';
  /** Country code of an international number, when it starts with an assigned one. */
  readonly country: string | undefined;
  readonly reason: string;
}

/** Applies a tenant's settings to a dialled number and classifies it. */
export function processNumber(dialled: string, settings: NumberProcessing | undefined): ProcessedNumber {
  const cleaned = removeCharacters(dialled, settings?.removeCharacters ?? '');
  if (!cleaned.startsWith('+')) return classifyUnprefixed(cleaned, dialled, settings);

  const digits = cleaned.slice(1);
  const own = settings?.countryCode ?? '';
  const isOwn = own !== '' && digits.startsWith(own);
  const kind = isOwn ? 'domestic' : 'international';
  const country = isOwn ? own : countryCodeOf(digits);
  if (settings?.processPlus !== true) {
    return { number: cleaned, kind, country, reason: LEFT[kind] };
  }

  const prefix = settings.prefix;
  if (isOwn && settings.dropSameCountryCode) {
    const national = digits.slice(own.length);
    const area = settings.areaCode;
    const local = settings.dropSameAreaCode && area !== '' && national.startsWith(area);
    const number = prefix + settings.nationalCode + (local ? national.slice(area.length) : national);
    const dropped = local ? `country code ${own} and area code ${area} dropped` : `country code ${own} dropped`;
    return { number, kind, country, reason: `domestic: + removed, ${dropped}, prefix and national code put in front` };
  }
  const number = prefix + settings.internationalCode + digits;
  return { number, kind, country, reason: `${kind}: + removed, prefix and international code put in front` };
}

const LEFT: Readonly<Record<ProcessedNumber['kind'], string>> = {
  domestic: 'domestic, left as dialled: processing of + is off',
  international: 'international, left as dialled: processing of + is off',
};

function removeCharacters(number: string, unwanted: string): string {
  if (unwanted === '') return number;
  let kept = '';
  for (const character of number) if (!unwanted.includes(character)) kept += character;
  return kept;
}

/** A number with neither `+` nor the international code is domestic. */
function classifyUnprefixed(cleaned: string, dialled: string, settings: NumberProcessing | undefined): ProcessedNumber {
  const removed = cleaned === dialled ? '' : ', separators removed';
  const code = settings?.internationalCode ?? '00';
  const own = settings?.countryCode ?? '';
  if (code === '' || !cleaned.startsWith(code)) {
    return { number: cleaned, kind: 'domestic', country: own === '' ? undefined : own, reason: `domestic${removed}` };
  }
  const digits = cleaned.slice(code.length);
  if (own !== '' && digits.startsWith(own)) {
    return {
      number: cleaned,
      kind: 'domestic',
      country: own,
      reason: `domestic: own country behind ${code}${removed}`,
    };
  }
  return {
    number: cleaned,
    kind: 'international',
    country: countryCodeOf(digits),
    reason: `international: starts with ${code}${removed}`,
  };
}

/** Numbers: V8 makes a text that is looked up one of its unique strings. */
const TWO_DIGIT_CODES = new Set([
  20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62,
  63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
]);

/** Country code at the start of an E.164 number (ITU-T E.164 §6.2.1: one to three digits, none a prefix of another). */
export function countryCodeOf(digits: string): string | undefined {
  const first = digits.charAt(0);
  if (first === '1' || first === '7') return first;
  const two = digits.slice(0, 2);
  if (TWO_DIGIT_CODES.has(Number(two))) return two;
  const three = digits.slice(0, 3);
  return /^[2-9][0-9]{2}$/.test(three) ? three : undefined;
}
