import { isSipUri, type Uri, unescapeUser } from './uri.ts';

/** RFC 3966 §5.1.5: a context that is the beginning of a global number, not a domain. */
const GLOBAL_CONTEXT = /^\+[\d().-]+$/;
/** Without a trunk prefix, which no global number has. */
const LOCAL_NUMBER = /^[1-9][\d().-]*$/;
/** Shorter ones are service numbers: they are called in their country alone. */
const SHORTEST_SUBSCRIBER = 7;
/** The longest national number of the plans that write the country code without `+` (E.164 country code 1). */
const LONGEST_NATIONAL = 10;
const MAX_DIGITS = 15;

/**
 * The number or user name that a peer gives as a party's address: the user part, unescaped, or a tel URI's number, without parameters; empty
 * when there is none. A local number whose `phone-context` is the beginning of a global one is that global number (RFC 3966 §5.1.5):
 * `2079460001;phone-context=+44` is `+442079460001`. What somebody dials is another matter: it is for the dial plan.
 */
export function subscriberNumber(uri: Uri): string {
  if (uri.scheme === 'tel') return inContext(uri.number, uri.params.get('phone-context'));
  if (!isSipUri(uri) || uri.user === undefined) return '';
  // RFC 3261 §19.1.1: a telephone-subscriber user part may carry parameters after a semicolon.
  const user = unescapeUser(uri.user);
  const semicolon = user.indexOf(';');
  // DEVIATION: some write the context among the URI's own parameters.
  if (semicolon < 0) return inContext(user, uri.params.get('phone-context'));
  return inContext(user.slice(0, semicolon), /;phone-context=([^;]*)/i.exec(user)?.[1]);
}

/** DEVIATION: a number that has the country code already, though its context names it too, has it once. */
function inContext(number: string, context: string | undefined): string {
  if (context === undefined || !GLOBAL_CONTEXT.test(context) || !LOCAL_NUMBER.test(number)) return number;
  const code = context.replaceAll(/\D/g, '');
  const digits = number.replaceAll(/\D/g, '');
  const isWhole = digits.length > LONGEST_NATIONAL && digits.startsWith(code);
  if (isWhole || digits.length < SHORTEST_SUBSCRIBER || code.length + digits.length > MAX_DIGITS) return number;
  return `+${code}${digits}`;
}
