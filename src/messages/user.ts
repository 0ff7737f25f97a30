/** Somebody at WhatsApp: known by a number, or by the business-scoped id that Meta gives a user who shows none. */
import { normalizeNumber } from '../provisioning/tenants/number.ts';

const USER_ID = /^[A-Za-z][A-Za-z0-9._-]{0,127}$/;

/** Whether this is such an id, e.g. `US.13491208655302741918`; it begins with a country's letters, as no number does. */
export function isUserId(text: string): boolean {
  return USER_ID.test(text);
}

/** The user as messages are kept: digits, or an id as it is; undefined: neither. */
export function peerOf(text: string): string | undefined {
  if (isUserId(text)) return text;
  const number = normalizeNumber(text);
  return number === undefined ? undefined : String(number);
}

/** A number is shown as one; an id of WhatsApp's as it is. */
export function shownUser(peer: string): string {
  return isUserId(peer) ? peer : `+${peer}`;
}
