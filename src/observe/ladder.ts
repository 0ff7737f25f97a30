import type { TraceMessage } from './call-facts.ts';

const LANE_WIDTH = 30;
const TIME_WIDTH = 10;
const ENGINE = 'tandem';

interface Lane {
  readonly remote: string;
  readonly title: string;
}

/**
 * Draws the messages of a call as a ladder: the caller's side left, the engine in the middle, everyone it called to the right; a line
 * per message with the time since the first.
 */
export function renderLadder(messages: readonly TraceMessage[]): string {
  const first = messages[0];
  if (first === undefined) return '';
  const lanes = collectLanes(messages);
  // The first peer stands left of the engine, so the engine's column is the second.
  const remoteColumns = new Map(lanes.map((lane, index) => [lane.remote, index === 0 ? 0 : index + 1]));
  const titles = [lanes[0]?.title ?? '', ENGINE, ...lanes.slice(1).map((lane) => lane.title)];
  const lines = [`${' '.repeat(TIME_WIDTH)}${titles.map(centre).join('')}`.trimEnd()];
  lines.push(`${' '.repeat(TIME_WIDTH)}${titles.map(() => centre('|')).join('')}`.trimEnd());
  for (const message of messages) {
    const time = ((message.atMs - first.atMs) / 1000).toFixed(3).padStart(TIME_WIDTH - 2);
    const column = remoteColumns.get(message.remote) ?? 0;
    lines.push(`${time}  ${drawArrow(message, column, titles.length)}`.trimEnd());
  }
  return `${lines.join('\n')}\n`;
}

function collectLanes(messages: readonly TraceMessage[]): Lane[] {
  const lanes = new Map<string, Lane>();
  for (const { remote, leg } of messages) {
    const known = lanes.get(remote);
    if (known === undefined || (known.title === remote && leg !== undefined)) {
      lanes.set(remote, { remote, title: leg === undefined ? remote : `${leg} ${remote}` });
    }
  }
  return [...lanes.values()];
}

function drawArrow(message: TraceMessage, column: number, columnCount: number): string {
  const engineColumn = 1;
  const left = Math.min(column, engineColumn);
  const right = Math.max(column, engineColumn);
  const pointsRight = (message.direction === 'sent') === column > engineColumn;
  const span = (right - left) * LANE_WIDTH - 1;
  const label = ` ${describe(message.text)} `.slice(0, Math.max(span - 2, 0));
  const shaft = span - 1 - label.length;
  const before = '-'.repeat(Math.floor(shaft / 2));
  const after = '-'.repeat(shaft - before.length);
  const arrow = pointsRight ? `${before}${label}${after}>` : `<${before}${label}${after}`;
  const half = LANE_WIDTH / 2;
  let line = '';
  for (let index = 0; index < columnCount; index++) {
    const at = index * LANE_WIDTH + half;
    if (index > left && index < right) continue;
    line = `${line.padEnd(at)}|`;
    if (index === left) line += arrow;
  }
  return line;
}

/** `INVITE (SDP)`, `180 Ringing`, `200 OK (INVITE, SDP)`: what a reader wants to know of a message. */
export function describe(text: string): string {
  const firstLine = text.slice(0, Math.max(text.indexOf('\r\n'), 0));
  const sdp = text.includes('\r\n\r\nv=0');
  if (!firstLine.startsWith('SIP/2.0 ')) {
    const method = firstLine.slice(0, Math.max(firstLine.indexOf(' '), 0)) || '(not SIP)';
    return printable(sdp ? `${method} (SDP)` : method);
  }
  const method = cseqMethod(text);
  const facts = [method === 'INVITE' || method === '' ? '' : method, sdp ? 'SDP' : ''].filter((fact) => fact !== '');
  const status = firstLine.slice('SIP/2.0 '.length);
  return printable(facts.length === 0 ? status : `${status} (${facts.join(', ')})`);
}

/** From and To of a message as a listing shows them: the user of the URI, else its host. */
export function partiesOf(text: string): { readonly from: string; readonly to: string } {
  const party = (name: string) =>
    userOf(new RegExp(`\\r\\n(?:${name})[ \\t]{0,8}:[^\\r]{0,512}`, 'i').exec(text)?.[0] ?? '');
  return { from: party('from|f'), to: party('to|t') };
}

/** What stands between the scheme and the host of the first URI in a line. */
export function userOf(line: string): string {
  return /(?:sips?|tel):([^@>;]{0,256})/i.exec(line)?.[1] ?? '';
}

function cseqMethod(text: string): string {
  const start = text.toLowerCase().indexOf('\r\ncseq:');
  if (start < 0) return '';
  const end = text.indexOf('\r\n', start + 2);
  const value = text.slice(start + '\r\ncseq:'.length, end < 0 ? text.length : end).trim();
  return value.slice(value.lastIndexOf(' ') + 1);
}

/** A reason phrase is a peer's; nothing of it may steer the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
}

function centre(title: string): string {
  const text = printable(title).slice(0, LANE_WIDTH - 2);
  const before = Math.floor((LANE_WIDTH - text.length + (text.length % 2 === 0 ? 0 : 1)) / 2);
  return `${' '.repeat(before)}${text}`.padEnd(LANE_WIDTH);
}
