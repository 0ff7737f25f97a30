/**
 * What stores have of registrations is written by nodes of other versions, and by other hands. Past here it has the shape that its type
 * says; what has not is told of and left out, and costs nothing beside it.
 */
import type { Log } from '../base/log.ts';
import { parseUri } from '../sip/message/index.ts';
import type { BindingTarget, StoredBinding, StoredRemoval } from './ports.ts';

/** @param aor whose it is, where it does not say so itself */
export function isReadableBinding(binding: unknown, log: Log, aor = aorOf(binding)): binding is StoredBinding {
  return hasNoFlaw('binding', binding, BINDING, log, aor);
}

export function isReadableRemoval(removal: unknown, log: Log, aor: string): removal is StoredRemoval {
  return hasNoFlaw('removal', removal, REMOVAL, log, aor);
}

type Check = (value: unknown) => boolean;
type Checks = readonly (readonly [name: string, check: Check])[];

function checksOf<T>(checks: { readonly [Name in keyof Required<T>]: Check }): Checks {
  return Object.entries<Check>(checks);
}

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = Number.isFinite;
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isTransport: Check = (value) => value === 'udp' || value === 'tcp' || value === 'tls';

const isUri: Check = (value) => {
  try {
    parseUri(String(value));
    return typeof value === 'string';
  } catch {
    return false;
  }
};

function orNone(check: Check): Check {
  return (value) => value === undefined || check(value);
}

const TARGET = checksOf<BindingTarget>({
  transport: isTransport,
  address: isText,
  port: isNumber,
  listenerId: orNone(isText),
});

const isTarget: Check = (value) => flawOf(value, TARGET) === undefined;

const BINDING = checksOf<StoredBinding>({
  aor: isText,
  contactUri: isUri,
  contactParams: isText,
  qThousandths: isNumber,
  callId: isText,
  cseq: isNumber,
  path: isTexts,
  instance: orNone(isText),
  regId: orNone(isNumber),
  userAgent: isText,
  source: isTarget,
  target: orNone(isTarget),
  flowKey: isText,
  registeredAtWallMs: isNumber,
  refreshedAtWallMs: isNumber,
  expiresAtWallMs: isNumber,
  node: isText,
});

const REMOVAL = checksOf<StoredRemoval>({
  contactUri: isText,
  instance: orNone(isText),
  regId: orNone(isNumber),
  callId: isText,
  cseq: isNumber,
  node: isText,
  refreshedAtWallMs: isNumber,
  untilWallMs: isNumber,
});

function hasNoFlaw(what: string, value: unknown, checks: Checks, log: Log, aor: string): boolean {
  const flaw = flawOf(value, checks);
  if (flaw !== undefined) log.warn('registration-not-read', { aor, error: `a ${what} ${flaw}` });
  return flaw === undefined;
}

function aorOf(binding: unknown): string {
  const aor = (binding as Partial<StoredBinding> | null | undefined)?.aor;
  return typeof aor === 'string' ? aor : '';
}

/** What is wrong with it first; undefined: nothing. */
function flawOf(value: unknown, checks: Checks): string | undefined {
  if (typeof value !== 'object' || value === null) return 'that is no object';
  for (const [name, check] of checks) {
    if (!check((value as Readonly<Record<string, unknown>>)[name])) return `without a valid ${name}`;
  }
  return undefined;
}
