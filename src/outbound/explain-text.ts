import type { ExplainedRoute, Explanation } from './explain.ts';
import type { CandidateNote, FieldNote } from './trace.ts';

export interface ExplainTextOptions {
  /** ANSI colours, for a terminal. */
  readonly color: boolean;
}

type Paint = Readonly<Record<'bold' | 'dim' | 'good' | 'bad' | 'name', (text: string) => string>>;

const ESC = String.fromCharCode(27);
const sgr = (code: number) => (text: string) => `${ESC}[${code}m${text}${ESC}[0m`;
const plain = (text: string) => text;
const COLORS: Paint = { bold: sgr(1), dim: sgr(2), good: sgr(32), bad: sgr(31), name: sgr(36) };
const NO_COLORS: Paint = { bold: plain, dim: plain, good: plain, bad: plain, name: plain };

/** An explanation for people: how the call was decided, then each route with its candidates, its INVITE and the reason of every value. */
export function explanationText(given: Explanation, options: ExplainTextOptions): string {
  const paint = options.color ? COLORS : NO_COLORS;
  const explanation = clean(given);
  const { caller, refusal } = explanation;
  const lines = [
    paint.bold(
      `${caller.kind} ${caller.number}${caller.name === '' ? '' : ` (${caller.name})`} of ${explanation.tenant} dials ${explanation.dialled}`,
    ),
    ...explanation.steps.map(
      ({ step, outcome, status, reason }) =>
        `  ${step.padEnd(13)} ${outcome === 'reject' ? paint.bad(`${status} ${reason}`) : reason}`,
    ),
  ];
  if (refusal !== undefined) {
    const retry = refusal.retryAfterSeconds === undefined ? '' : `, Retry-After: ${refusal.retryAfterSeconds}`;
    lines.push('', paint.bad(`The caller gets ${refusal.status} ${refusal.reason}${retry}`));
  }
  for (const [index, route] of explanation.routes.entries()) lines.push('', ...routeLines(route, index, paint));
  return `${lines.join('\n')}\n`;
}

function routeLines(route: ExplainedRoute, index: number, paint: Paint): string[] {
  const { trunk, refusal } = route;
  const brand = trunk.brand === 'generic' ? '' : `, brand ${trunk.brand}`;
  const lines = [paint.bold(`Route ${index + 1}: trunk ${trunk.name} (${trunk.type}, id ${trunk.id}${brand})`)];
  lines.push(paint.bold('  Caller ID'), ...route.candidates.map((candidate) => candidateLine(candidate, paint)));
  for (const { step, outcome, reason } of route.steps) {
    if (outcome === 'continue') lines.push(`  ${step.padEnd(17)} ${reason}`);
  }
  if (refusal !== undefined) {
    lines.push(paint.bad(`  Refused on this route: ${refusal.status} ${refusal.reason}`));
  } else {
    lines.push(`  next hop          ${route.nextHop}`, paint.bold('  INVITE'), ...inviteLines(route.invite, paint));
  }
  lines.push(paint.bold('  Why'), ...fieldLines(route.fields, paint));
  for (const warning of route.warnings) lines.push(paint.bad(`  Warning to the endpoint: ${warning}`));
  return lines;
}

function candidateLine({ source, value, verdict, reason }: CandidateNote, paint: Paint): string {
  const mark = verdict === 'taken' ? paint.good('taken ') : paint.dim('passed');
  return `    ${mark} ${source.padEnd(26)} ${(value ?? '-').padEnd(16)} ${paint.dim(reason)}`;
}

function inviteLines(invite: string, paint: Paint): string[] {
  return invite
    .replace(/\r\n$/, '')
    .split('\r\n')
    .map((line, index) => {
      const colon = line.indexOf(':');
      const isHeader = index > 0 && /^[A-Za-z-]+: ?/.test(line);
      const shown = `    ${index === 0 ? paint.bold(line) : isHeader ? paint.name(line.slice(0, colon)) + line.slice(colon) : line}`;
      return shown.trimEnd();
    });
}

/** One line per note; a note that a later one overrules is dimmed. */
function fieldLines(fields: readonly FieldNote[], paint: Paint): string[] {
  const last = new Map(fields.map((note, index) => [note.field, index]));
  return fields.map((note, index) => {
    const value = note.value === '' ? '(none)' : note.value;
    const text = `    ${note.field.padEnd(32)} ${value}  ← ${note.source} [${note.origin}] ${note.reason}`;
    const isRepeated = note.field === 'History-Info' || note.field === 'Diversion' || note.field === 'Route';
    return last.get(note.field) === index || isRepeated ? text : paint.dim(`${text} (overruled below)`);
  });
}

/** A peer's text must not drive the terminal: control characters are shown as escapes, before any colour is put in. */
function clean<T>(value: T): T {
  if (typeof value === 'string') return value.replaceAll(CONTROLS, escapeControl) as T;
  if (Array.isArray(value)) return value.map(clean) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, clean(item)])) as T;
}

/** All but the CRLF that ends a line of the INVITE. */
const CONTROLS = /\r\n|[\u0000-\u001f\u007f-\u009f]/g;

function escapeControl(found: string): string {
  return found === '\r\n' ? found : `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
