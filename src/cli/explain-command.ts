import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import type { explainBody } from '../api/explain.ts';
import { type Command, ENGINE_OPTIONS, option } from './command.ts';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';

type Question = z.input<typeof explainBody>;

export const explain: Command = {
  usage:
    'tandem explain --tenant NAME --from EXTENSION --to NUMBER [--header "Name: value"]… [--answer STATUS]… | --invite FILE | --trunk NAME --to NUMBER | --call-id ID',
  details:
    'No call is placed. The code of live calls works it out, so it cannot disagree with them. Of a placed call it shows what was sent.',
  options: {
    ...ENGINE_OPTIONS,
    tenant: option('whose call'),
    from: option('the calling extension or service; with --trunk the calling number'),
    to: option('what is dialled; with --trunk the called number'),
    trunk: option('a call in: name or id of the trunk that it comes from'),
    invite: option('file with the whole INVITE of the caller, as it is sent; - reads standard input, as UTF-8'),
    'display-name': option("display name of the phone's From"),
    header: option('a header field that the phone would send, e.g. "Privacy: id"; may be repeated', { multiple: true }),
    answer: option(
      'what the called side answers to one INVITE after the other: silence, a status such as 407, or "302 NUMBER"; may be repeated',
      { multiple: true },
    ),
    'call-id': option('ask about a live or recent call: its id, or a SIP Call-ID'),
  },
  async run(context) {
    const format = context.flag('json') ? 'json' : context.terminal.colour ? 'ansi' : 'text';
    const callId = context.text('call-id');
    const path =
      callId === undefined ? '/api/v1/explain' : `/api/v1/calls/${encodeURIComponent(callId.toWellFormed())}/explain`;
    const url = `${path}?format=${format}`;
    const explanation =
      callId === undefined
        ? await context.api().post<unknown>(url, await questionOf(context))
        : await context.api().get<unknown>(url);
    if (format === 'json') return context.printJson(explanation);
    context.terminal.out(String(explanation));
    return 0;
  },
};

async function questionOf(context: CommandContext): Promise<Question> {
  const asked = context.given('tenant', 'from', 'to', 'trunk');
  const { from, to, trunk } = asked;
  const file = context.text('invite');
  if (file === undefined && (to === undefined || (from === undefined && trunk === undefined)))
    throw new UsageError(
      'say who calls and what is dialled: --from EXTENSION --to NUMBER, --trunk NAME --to NUMBER, or --invite FILE',
    );
  const headers = (context.values['header'] as readonly string[] | undefined)?.map(readHeader);
  const invite = file === undefined ? {} : await readInvite(context, file);
  const answers = context.values['answer'] as string[] | undefined;
  const displayName = context.text('display-name');
  return {
    ...asked,
    ...invite,
    ...(displayName === undefined ? {} : { displayName }),
    ...(headers === undefined ? {} : { headers }),
    ...(answers === undefined ? {} : { answers }),
  };
}

/** Octets that are no UTF-8 stay octets. */
async function readInvite(context: CommandContext, file: string): Promise<Pick<Question, 'invite' | 'inviteBase64'>> {
  if (file === '-') return { invite: await context.terminal.readInput() };
  try {
    const octets = await readFile(file);
    return isUtf8(octets) ? { invite: octets.toString('utf8') } : { inviteBase64: octets.toString('base64') };
  } catch (error) {
    // Node repeats the path as it came.
    const why = (error as Error).message.replace(/, \w+ '.*'$/s, '');
    throw new UsageError(JSON.stringify(`--invite ${file}: ${why}`).slice(1, -1));
  }
}

function readHeader(line: string): { name: string; value: string } {
  const colon = line.indexOf(':');
  if (colon < 1) throw new UsageError(`--header ${JSON.stringify(line)}: write it as "Name: value"`);
  return { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
}
