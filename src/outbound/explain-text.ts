import type { CandidateNote, ExplainedLeg, ExplainedRoute, Explanation, FieldReason } from './explanation.ts';

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
  const { refusal } = explanation;
  const lines = [
    paint.bold(headline(explanation)),
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
  // A route's own INVITE is told above, with its reasons.
  const told = new Set(explanation.routes.map(({ invite }) => invite));
  const legs = explanation.legs ?? [];
  const isSilent = legs.every((leg) => leg.answer === undefined || SILENT.has(leg.answer));
  for (const leg of legs) {
    if (!told.has(leg.invite)) lines.push('', ...legLines(leg, paint));
    else if (!isSilent) lines.push('', legHead(leg, paint));
    if (leg.media !== undefined) lines.push(mediaLine(leg.media));
  }
  const { answer } = explanation;
  if (answer !== undefined && refusal === undefined) {
    const isPlaced = legs.some(({ at }) => at !== undefined);
    const when = isPlaced ? 'The caller got' : `${isSilent ? 'When nobody answers' : 'After that'}, the caller gets`;
    lines.push('', `${when} ${answer.status} ${answer.reason}`.trimEnd());
  }
  return `${lines.join('\n')}\n`;
}

function headline({ caller: { kind, number, name }, tenant, dialled, steps }: Explanation): string {
  const whose = tenant === '' ? '' : ` of ${tenant}`;
  const who = `${number}${name === '' ? '' : ` (${name})`}`;
  if (kind !== 'trunk') return `${kind} ${who}${whose} dials ${dialled}`;
  const trunk = steps.find(({ step }) => step === 'caller')?.reason ?? kind;
  return `${who === '' ? trunk : `${who} over ${trunk}`} calls ${dialled}${whose}`;
}

const MEDIA_REASONS: Readonly<Record<string, string>> = {
  never: 'one side never takes a relay',
  always: 'one side always takes one',
  nat: 'a side is behind a NAT',
  profile: 'the two sides secure their media in different ways',
  steady: 'WhatsApp takes no other description while a call lasts',
  'address-family': 'the two sides have addresses of different families',
  'not-needed': 'the two sides can do without one',
};

function mediaLine({ relay, reason }: NonNullable<ExplainedLeg['media']>): string {
  const how = relay ? 'through a relay, whose addresses take the place of those in the description' : 'not relayed';
  return `  media             ${how}: ${MEDIA_REASONS[reason] ?? reason}`;
}

/** What is taken to be said when the question says nothing of it. */
const SILENT = new Set(['nothing', '180 Ringing']);

function legLines(leg: ExplainedLeg, paint: Paint): string[] {
  const { fields = [] } = leg;
  const why = fields.length === 0 ? [] : [paint.bold('  Why'), ...fieldLines(fields, paint)];
  return [legHead(leg, paint), ...inviteLines(leg.invite, paint), ...why];
}

function legHead({ to, target, at, answer }: ExplainedLeg, paint: Paint): string {
  const when = at === undefined ? '' : `, ${at}`;
  const where = target === '' ? 'no address is known now' : target;
  const head = paint.bold(`To ${to === '' ? where : `${to}: ${where}`}${when}`);
  return answer === undefined ? head : `${head}, which answers ${answer}`;
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
  if (route.fields.length > 0) lines.push(paint.bold('  Why'), ...fieldLines(route.fields, paint));
  if (route.ifAnswered.length > 0)
    lines.push(paint.bold('  When it answers'), ...route.ifAnswered.map((line) => `    ${line}`));
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

/** One line per reason; one that a later decision overruled is dimmed. */
function fieldLines(fields: readonly FieldReason[], paint: Paint): string[] {
  return fields.map(({ field, value, source, origin, reason, overruled, dropped }) => {
    const shown = dropped === true || value === '' ? '(none)' : value;
    const text = `    ${field.padEnd(32)} ${shown}  ← ${source} [${origin}] ${reason}`;
    return overruled === true ? paint.dim(`${text} (overruled below)`) : text;
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
