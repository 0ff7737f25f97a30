import { HeaderId, type SipRequest } from '../sip/message/index.ts';
import { FIELD_LABEL } from './draft.ts';
import type { FieldNote, FieldReason } from './explanation.ts';

/** What leaves that no step decides: the dialog's and the transport's own fields. */
const OWN: Readonly<Record<string, readonly [field: string, reason: string]>> = {
  'max-forwards': ['Max-Forwards', "one less than in the caller's INVITE (RFC 3261 §16.6)"],
  'call-id': ['Call-ID', 'this leg is a dialog of its own'],
  cseq: ['CSeq', 'this leg is a dialog of its own'],
  'content-type': ['Content-Type', 'describes the body as the caller sent it'],
  'content-length': ['Content-Length', 'octets of the body'],
  authorization: ['Authorization', "answers the provider's last challenge again (RFC 3261 §22.2)"],
  'proxy-authorization': ['Proxy-Authorization', "answers the provider's last challenge again (RFC 3261 §22.3)"],
  'history-info': ['History-Info', "this request's own target (RFC 7044 §10.3)"],
};

function ownReason(key: string, value: string): FieldReason {
  const [field, reason] = OWN[key] ?? [key.replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase()), ADDED];
  return { field, value, source: 'engine', origin: 'engine', reason };
}

const ADDED = 'what this engine adds to the leg';

/**
 * The reasons of an INVITE as it leaves: one for each field that is sent, with the decisions that it overruled, and for each field that
 * a step dropped that step's reason alone. What a step decided about a field that another one took away is no reason of anything.
 */
export function reasonsOf(notes: readonly FieldNote[], invite: SipRequest): FieldReason[] {
  const sent = sentFields(invite);
  const byField = Map.groupBy(notes, ({ field }) => field);
  const reasons = notes.flatMap((note): FieldReason[] => {
    const { header, part } = splitField(note.field);
    const values = sent.get(header.toLowerCase());
    const isDrop = note.dropped === true;
    if (values === undefined) return isDrop && isLastDrop(notes, note) ? [note] : [];
    if (isDrop) return [note];
    if (isTel(header, invite) && part === 'host') return [];
    return [settle(note, byField.get(note.field) ?? [], values, part, notes)];
  });
  const explained = new Set(
    reasons.filter(({ dropped }) => dropped !== true).map(({ field }) => splitField(field).header.toLowerCase()),
  );
  for (const [key, values] of sent) {
    const told = reasons.filter(({ field, dropped }) => field.toLowerCase() === key && dropped !== true);
    // A History-Info has one entry more than there are diversions: this request's own target (RFC 7044 §10.3).
    const isTarget = key === 'history-info' && told.length > 0;
    if (explained.has(key) && !isTarget) continue;
    const missing = isTarget ? values.filter((value) => !told.some((note) => note.value === value)) : values;
    for (const value of missing) reasons.push(ownReason(key, value));
  }
  return reasons;
}

/** The whole field was decided again, or the same part was. */
function settle(
  note: FieldNote,
  same: readonly FieldNote[],
  values: readonly string[],
  part: string,
  notes: readonly FieldNote[],
): FieldReason {
  // Made when it is sent, in the order of the notes.
  if (note.field === 'Identity') return { ...note, value: values[same.indexOf(note)] ?? note.value };
  if (part === '' && values.length > 1) return note;
  const last = same.at(-1);
  const { header } = splitField(note.field);
  const whole = part === '' ? undefined : notes.findLast(({ field, dropped }) => field === header && dropped !== true);
  const isLater = whole !== undefined && notes.indexOf(whole) > notes.indexOf(note);
  if (last !== note || isLater) return { ...note, overruled: true };
  // What the leg itself settles last.
  return SETTLED_LATE.has(note.field) ? { ...note, value: values[0] ?? '' } : note;
}

const SETTLED_LATE = new Set(['Session-Expires', 'Min-SE', 'Supported', 'Date']);

function isLastDrop(notes: readonly FieldNote[], note: FieldNote): boolean {
  // Several values of one header field may be dropped, each for its own reason.
  return notes.findLast(({ field, value }) => field === note.field && value === note.value) === note;
}

const PARTS = new Set(['user', 'host', 'displayName', 'scheme']);

/** `From.user` → From and user; a header field's own name may have a dot. */
export function splitField(field: string): { readonly header: string; readonly part: string } {
  const dot = field.lastIndexOf('.');
  const part = dot < 0 ? '' : field.slice(dot + 1);
  return PARTS.has(part) ? { header: field.slice(0, dot), part } : { header: field, part: '' };
}

function isTel(header: string, invite: SipRequest): boolean {
  if (header === 'Request-URI') return invite.requestUri.startsWith('tel:');
  return header === 'To' && (invite.headers.valueNamed('To') ?? '').includes('<tel:');
}

/** Values by header field as notes name them, in lower case. */
function sentFields(invite: SipRequest): Map<string, string[]> {
  const fields = new Map<string, string[]>([['request-uri', [invite.requestUri]]]);
  invite.headers.forEach((name, value, id) => {
    const key = (id === HeaderId.RemotePartyId ? partyLabel(value) : name).toLowerCase();
    const values = fields.get(key);
    if (values === undefined) fields.set(key, [value]);
    else values.push(value);
  });
  fields.set('content-length', [String(invite.body.length)]);
  return fields;
}

function partyLabel(value: string): string {
  return value.includes('party=called') ? FIELD_LABEL.remotePartyIdCalled : FIELD_LABEL.remotePartyIdCalling;
}
