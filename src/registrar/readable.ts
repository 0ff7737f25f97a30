/**
 * What stores have of registrations is written by nodes of other versions, and by other hands. Past here it has the shape that its type
 * says; what has not is told of and left out, and costs nothing beside it.
 *
 * A binding of another node is asked only for what is needed here: to pass a request to that node, to tell the binding from others, and to
 * show it. What only that node needs may be as a later version writes it.
 */
import { isIP } from 'node:net';
import type { Log } from '../base/log.ts';
import { parseUri } from '../sip/message/index.ts';
import type { BindingSource, BindingTarget, StoredBinding, StoredRemoval } from './ports.ts';

export interface BindingReading {
  /** This node, which brings its own ones back by all that they say. */
  readonly node: string;
  readonly log: Log;
  /** Whose list it is of; undefined: of nobody's. */
  readonly aor?: string;
}

/** Undefined: it cannot be read, which the log hears. */
export function readBinding(binding: unknown, { node, log, aor }: BindingReading): StoredBinding | undefined {
  const its: Partial<Record<keyof StoredBinding, unknown>> = isObject(binding) ? binding : {};
  const said = typeof its.aor === 'string' ? its.aor : '';
  const read = readFields(binding, BINDING, its.node === node);
  const isAmiss = typeof read !== 'string' && aor !== undefined && aor !== said;
  const flaw = isAmiss ? 'of another address-of-record' : read;
  if (typeof flaw !== 'string') return flaw as unknown as StoredBinding;
  log.warn('registration-not-read', { aor: aor ?? said, error: `a binding ${flaw}` });
  return undefined;
}

/** Undefined: it cannot be read, which the log hears. */
export function readRemoval(removal: unknown, log: Log, aor: string): StoredRemoval | undefined {
  const read = readFields(removal, REMOVAL, true);
  if (typeof read !== 'string') return read as unknown as StoredRemoval;
  log.warn('registration-not-read', { aor, error: `a removal ${read}` });
  return undefined;
}

/** What can be told of a binding that cannot be read. */
export type BindingOutline = Pick<
  StoredBinding,
  'aor' | 'contactUri' | 'instance' | 'regId' | 'callId' | 'cseq' | 'node' | 'refreshedAtWallMs' | 'expiresAtWallMs'
>;

/** A text that cannot be read is empty, a number NaN, which is neither before nor after another one, nor the same. */
export function outlineOf(binding: unknown): BindingOutline {
  const its: Partial<Record<keyof StoredBinding, unknown>> = isObject(binding) ? binding : {};
  const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
  const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);
  return {
    aor: textOf(its.aor),
    contactUri: textOf(its.contactUri),
    instance: its.instance == null ? undefined : textOf(its.instance),
    regId: its.regId == null ? undefined : numberOf(its.regId),
    callId: textOf(its.callId),
    cseq: numberOf(its.cseq),
    node: textOf(its.node),
    refreshedAtWallMs: numberOf(its.refreshedAtWallMs),
    expiresAtWallMs: numberOf(its.expiresAtWallMs),
  };
}

type Check = (value: unknown) => boolean;

interface Field {
  readonly check: Check;
  /** It may be missing; null is the same. */
  readonly mayMiss?: true;
  /** Its own fields. */
  readonly within?: Shape;
  /** Only the node that took the registration needs it: this is taken for what cannot be read of another one's. */
  readonly elsewhere?: { readonly taken: unknown };
}

type Shape = readonly (readonly [name: string, field: Field])[];

function shapeOf<Read>(fields: { readonly [Name in keyof Required<Read>]: Field }): Shape {
  return Object.entries<Field>(fields);
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

const isText: Check = (value) => typeof value === 'string';
const isBoolean: Check = (value) => typeof value === 'boolean';
const isNumber: Check = Number.isFinite;
const isPort: Check = (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535;
const isAddress: Check = (value) => typeof value === 'string' && isIP(value) !== 0;
const isTransport: Check = (value) => value === 'udp' || value === 'tcp' || value === 'tls';
/** What stands in a header field: these three cannot have come in one, and would end it. */
const isFieldText: Check = (value) => typeof value === 'string' && !/[\0\r\n]/.test(value);
const isRoute: Check = (value) => Array.isArray(value) && value.every(isFieldText);

const isUri: Check = (value) => {
  try {
    parseUri(String(value));
    return isFieldText(value);
  } catch {
    return false;
  }
};

const SOURCE = shapeOf<BindingSource>({
  transport: { check: isText },
  address: { check: isAddress },
  port: { check: isPort },
  listenerId: { check: isText, mayMiss: true },
});

const TARGET = shapeOf<BindingTarget>({
  transport: { check: isTransport },
  address: { check: isAddress },
  port: { check: isPort },
  listenerId: { check: isText, mayMiss: true },
});

const BINDING = shapeOf<StoredBinding>({
  aor: { check: isText },
  contactUri: { check: isUri },
  contactParams: { check: isFieldText, elsewhere: { taken: '' } },
  qThousandths: { check: isNumber },
  callId: { check: isText, elsewhere: { taken: '' } },
  cseq: { check: isNumber, elsewhere: { taken: 0 } },
  path: { check: isRoute },
  instance: { check: isText, mayMiss: true, elsewhere: { taken: undefined } },
  regId: { check: isNumber, mayMiss: true, elsewhere: { taken: undefined } },
  userAgent: { check: isText, elsewhere: { taken: '' } },
  source: { check: isObject, within: SOURCE },
  // Without one it is reached through that node only.
  target: { check: isObject, within: TARGET, mayMiss: true, elsewhere: { taken: undefined } },
  flowKey: { check: isText, elsewhere: { taken: '' } },
  connectionEnded: { check: isBoolean, mayMiss: true, elsewhere: { taken: undefined } },
  registeredAtWallMs: { check: isNumber },
  refreshedAtWallMs: { check: isNumber },
  expiresAtWallMs: { check: isNumber },
  node: { check: isText },
});

const REMOVAL = shapeOf<StoredRemoval>({
  contactUri: { check: isText },
  instance: { check: isText, mayMiss: true },
  regId: { check: isNumber, mayMiss: true },
  callId: { check: isText },
  cseq: { check: isNumber },
  node: { check: isText },
  refreshedAtWallMs: { check: isNumber },
  untilWallMs: { check: isNumber },
  atWallMs: { check: isNumber, mayMiss: true },
});

/** What it is read as; a text: what is wrong with it first. */
function readFields(value: unknown, shape: Shape, isOwn: boolean): Fields | string {
  if (!isObject(value)) return 'that is no object';
  let read = value;
  for (const [name, field] of shape) {
    const said = value[name];
    let taken = readField(said, field);
    if (taken === UNREADABLE && !isOwn && field.elsewhere !== undefined) taken = field.elsewhere.taken;
    if (taken === UNREADABLE) return `without a valid ${name}`;
    if (taken !== said) read = { ...read, [name]: taken };
  }
  return read;
}
const UNREADABLE = Symbol('unreadable');

function readField(said: unknown, { check, mayMiss, within }: Field): unknown {
  if (mayMiss && (said === undefined || said === null)) return undefined;
  if (!check(said)) return UNREADABLE;
  if (within === undefined) return said;
  const read = readFields(said, within, true);
  return typeof read === 'string' ? UNREADABLE : read;
}
