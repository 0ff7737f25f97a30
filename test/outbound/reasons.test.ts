import { expect, test } from 'vitest';
import type { FieldNote } from '../../src/outbound/explanation.ts';
import { reasonsOf } from '../../src/outbound/reasons.ts';
import { parseMessage, type SipRequest } from '../../src/sip/message/index.ts';

function invite(lines: readonly string[] = [], uri = 'sip:9@carrier.example'): SipRequest {
  const text = [`INVITE ${uri} SIP/2.0`, `To: <${uri}>`, 'Call-ID: one', ...lines, 'Content-Length: 0', '', ''];
  return parseMessage(text.join('\r\n')) as SipRequest;
}

const note = (field: string, value: string, more: Partial<FieldNote> = {}): FieldNote => ({
  field,
  value,
  source: 'test',
  origin: 'trunk',
  reason: 'because',
  ...more,
});
const of = (notes: readonly FieldNote[], request: SipRequest, field: string) =>
  reasonsOf(notes, request).filter((reason) => reason.field.startsWith(field));

test('a field that is sent and that no step decided has the engine for its reason; a field that is not sent has none', () => {
  const reasons = reasonsOf([note('Subject', 'never sent')], invite());
  expect(reasons.map(({ field, origin }) => [field, origin])).toEqual([
    ['Request-Uri', 'engine'],
    ['To', 'engine'],
    ['Call-ID', 'engine'],
    ['Content-Length', 'engine'],
  ]);
});

test('of decisions about one part the last one counts, and those before it are overruled', () => {
  const notes = [note('To.user', '1'), note('To.user', '2'), note('To.host', 'x')];
  expect(of(notes, invite(), 'To').map(({ field, value, overruled }) => [field, value, overruled])).toEqual([
    ['To.user', '1', true],
    ['To.user', '2', undefined],
    ['To.host', 'x', undefined],
  ]);
});

test('a later decision about the whole field overrules its parts', () => {
  const notes = [note('To.user', '1'), note('To', '<sip:2@x>')];
  expect(of(notes, invite(), 'To').map(({ overruled }) => overruled)).toEqual([true, undefined]);
});

test('a dropped field keeps the reason of the step that dropped it, and none of those before', () => {
  const notes = [note('Subject', 'hi'), note('Subject', 'hi', { dropped: true, reason: 'privacy' })];
  expect(of(notes, invite(), 'Subject').map(({ reason, dropped }) => [reason, dropped])).toEqual([['privacy', true]]);
});

test('a tel: URI has no host to explain', () => {
  const notes = [note('Request-URI.user', '+1'), note('Request-URI.host', 'x'), note('To.host', 'x')];
  const fields = reasonsOf(notes, invite([], 'tel:+1')).map(({ field }) => field);
  expect(fields).toContain('Request-URI.user');
  expect(fields).not.toContain('Request-URI.host');
  expect(fields).not.toContain('To.host');
});

test("History-Info has one entry more than there are diversions: this request's own target (RFC 7044 §10.3)", () => {
  const entries = ['<sip:1@x>;index=1', '<sip:9@x>;index=1.1'];
  const request = invite(entries.map((entry) => `History-Info: ${entry}`));
  const reasons = of([note('History-Info', entries[0] ?? '')], request, 'History-Info');
  expect(reasons.map(({ value, origin }) => [value, origin])).toEqual([
    [entries[0], 'trunk'],
    [entries[1], 'engine'],
  ]);
});

test('a field whose own name has a dot is no part of another', () => {
  const reasons = of([note('X.Site', 'hq')], invite(['X.Site: hq']), 'X.Site');
  expect(reasons.map(({ field, overruled }) => [field, overruled])).toEqual([['X.Site', undefined]]);
});
