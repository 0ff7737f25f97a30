import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS, option } from './command.ts';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';
import { localTime, type Style, type TableColumn } from './terminal.ts';

const STATE_STYLES: Readonly<Record<string, Style>> = {
  delivered: 'green',
  read: 'green',
  queued: 'yellow',
  sending: 'yellow',
  received: 'yellow',
  failed: 'red',
  expired: 'red',
};
const MAX_WORDS = 40;

const COLUMNS: readonly TableColumn<Answer<'Message'>>[] = [
  { title: 'AT', value: ({ createdAt }) => localTime(createdAt) },
  { title: 'TENANT', value: ({ tenant }) => tenant },
  { title: 'TRUNK', value: ({ trunk }) => trunk },
  { title: 'DIRECTION', value: ({ direction }) => direction },
  { title: 'FROM', value: ({ from }) => from },
  { title: 'TO', value: ({ to }) => to },
  { title: 'STATE', value: ({ state }) => state, style: ({ state }) => STATE_STYLES[state] },
  { title: 'SAYS', value: (row) => wordsOf(row) },
  { title: 'ID', value: ({ id }) => id },
];

export const messages: Command = {
  usage: 'tandem messages [list] [--tenant TENANT] [--limit N] | show ID',
  details: 'Messages from and to WhatsApp, the latest first, with how far each has come.',
  options: { ...ENGINE_OPTIONS, tenant: option('of this tenant'), limit: option('how many (default 50)') },
  takesArguments: true,
  async run(context) {
    const [action = 'list', id] = context.words(2);
    if (action === 'show' && id !== undefined)
      return context.printJson(await context.api().get<unknown>(`/api/v1/messages/${encodeURIComponent(id)}`));
    if (action !== 'list' || id !== undefined)
      throw new UsageError('say what to do: list, or show with the id of a message');
    const limit = String(Math.min(context.number('limit', 50), 1000));
    const query = new URLSearchParams({ limit, ...context.given('tenant') });
    const { items } = await context.api().get<{ items: Answer<'Message'>[] }>(`/api/v1/messages?${query}`);
    return context.printRows(items, COLUMNS, 'no messages');
  },
};

export const message: Command = {
  usage:
    'tandem message explain --from EXTENSION --to NUMBER [--template NAME] | explain --trunk TRUNK --from NUMBER | send --to NUMBER (--text TEXT | --template NAME --language LANGUAGE [--parameter TEXT]… | --media KIND --link URL [--caption TEXT]) [--trunk TRUNK] [--tenant TENANT] [--key KEY]',
  details:
    'Sends a message by WhatsApp. It is kept, and sent as soon as WhatsApp takes it; "tandem messages show ID" tells how far it has come. "explain" sends nothing, and says by which rule and trunk a message would go, or to whom one comes.',
  options: {
    ...ENGINE_OPTIONS,
    from: option("explain: the extension that writes; with --trunk the user's number"),
    to: option("the user's number, with its country code"),
    text: option('what to say'),
    template: option('name of an approved template, which reaches whoever has not written for a day'),
    language: option('its language, e.g. en_US'),
    parameter: option('what stands in its body for {{1}}, {{2}} and so on; once for each', { multiple: true }),
    media: option('image, audio, video, document or sticker'),
    link: option('where WhatsApp fetches the file'),
    caption: option('words below it'),
    trunk: option("name or id of the trunk (default: the tenant's, where it has one)"),
    tenant: option('whose message it is (default: of the token)'),
    key: option('what you call it: sent once, however often you ask'),
  },
  takesArguments: true,
  async run(context) {
    const [action, ...more] = context.arguments;
    if (action === 'explain' && more.length === 0) return explainMessage(context);
    if (action !== 'send' || more.length > 0) throw new UsageError('say what to do: send or explain');
    const sent = await context.api().post<Answer<'Message'>>('/api/v1/messages', wanted(context));
    return context.printAnswer(sent, ({ state, id }) => `${state} ${id}`);
  },
};

async function explainMessage(context: CommandContext): Promise<number> {
  const asked = context.given('from', 'to', 'trunk', 'tenant');
  const { from, to, trunk } = asked;
  if (from === undefined || (to === undefined) === (trunk === undefined))
    throw new UsageError('say --from EXTENSION --to NUMBER, or --trunk TRUNK --from NUMBER');
  const question = { ...asked, ...(context.text('template') !== undefined && { template: true }) };
  const explained = await context.api().post<Answer<'MessageExplanation'>>('/api/v1/messages/explain', question);
  return context.printAnswer(explained, wordsOfExplained);
}

function wordsOfExplained({ steps, refusal, recipients, direction, trunk }: Answer<'MessageExplanation'>): string {
  const lines = steps.map(
    ({ step, outcome, reason }) => `${step.padEnd(11)} ${outcome === 'reject' ? 'refused: ' : ''}${reason}`,
  );
  if (refusal !== undefined) lines.push(`answer      ${refusal.status}: ${refusal.warning}`);
  else if (direction === 'outbound') lines.push(`answer      it is sent by ${trunk}`);
  else lines.push(`phones      ${recipients?.length ? recipients.join(', ') : 'none'}`);
  return lines.join('\n');
}

function wanted(context: CommandContext): object {
  const asked = context.given('to', 'trunk', 'tenant', 'key');
  if (asked['to'] === undefined) throw new UsageError('say --to NUMBER');
  const { text: words, template, language } = context.given('text', 'template', 'language');
  const { media, ...file } = context.given('media', 'link', 'caption');
  if ([words, template, media].filter((each) => each !== undefined).length !== 1)
    throw new UsageError('say one of --text, --template and --media');
  if (template !== undefined && language === undefined) throw new UsageError('say --language of the template');
  if (media !== undefined && file['link'] === undefined) throw new UsageError('say --link of the file');
  const parameters = context.values['parameter'] ?? [];
  return {
    ...asked,
    ...(words !== undefined && { text: words }),
    ...(template !== undefined && { template: { name: template, language, parameters } }),
    ...(media !== undefined && { media: { kind: media, ...file } }),
  };
}

function wordsOf({ type, text: words = '', error }: Answer<'Message'>): string {
  if (error !== undefined) return `${error.code === 0 ? '' : `${error.code} `}${error.message}`;
  const short = words.length > MAX_WORDS ? `${words.slice(0, MAX_WORDS)}…` : words;
  return type === 'text' ? short : `[${type}] ${short}`.trim();
}
