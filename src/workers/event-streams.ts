/** The event streams of all workers as one: each event's id tells how far every one of them was read. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Backend, begin, headOf, type PassedRequest } from './backends.ts';
import { NOBODY, SILENT_MS } from './fan-out.ts';

/**
 * Copies the workers' streams to whoever reads, and ends when one of them ends: the reader comes back with the latest id, and gets what it
 * missed of each, with a `gap` for a worker that has begun anew. A reader that does not keep up is waited for: what is too much for it
 * then is the worker's to leave out, and to tell of. A worker that is silent as it begins is left out until it says something: the stream
 * ends then, too.
 */
export async function mergeEvents(
  backends: readonly Backend[],
  asked: PassedRequest,
  reply: ServerResponse,
): Promise<void> {
  const ids = idsOf(asked);
  const streams: IncomingMessage[] = [];
  const end = () => {
    for (const stream of streams) stream.destroy();
    reply.end();
  };
  reply.on('close', end);
  const heard: Backend[] = [];
  for (const { backend, stream } of await beginAll(backends, asked, ids, end)) {
    if (stream === undefined) continue;
    heard.push(backend);
    streams.push(stream);
    stream.on('error', end);
    stream.on('close', end);
  }
  // Whoever asked has left while these began, or one has ended.
  if (reply.destroyed || reply.writableEnded) return end();
  for (const stream of streams) {
    if (stream.statusCode !== 200) {
      // Each of them would say the same: the first refusal is the answer.
      reply.writeHead(stream.statusCode ?? 502, headOf(reply, stream.headers));
      stream.pipe(reply);
      return;
    }
  }
  const [first] = streams;
  if (first === undefined) {
    reply.writeHead(NOBODY.status, headOf(reply, NOBODY.headers)).end(NOBODY.body);
    return;
  }
  reply.writeHead(200, headOf(reply, first.headers));
  reply.on('drain', () => {
    for (const stream of streams) stream.resume();
  });
  for (const [index, stream] of streams.entries()) {
    const worker = heard[index]?.worker ?? 0;
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      const shown = blocks.filter((block) => !isBeat(block) || index === 0);
      if (shown.length === 0) return;
      const text = shown.map((block) => `${withIds(block, worker, ids)}\n\n`).join('');
      if (!reply.write(text)) for (const each of streams) each.pause();
    });
  }
}

interface Begun {
  readonly backend: Backend;
  /** Undefined: the worker is silent. */
  readonly stream: IncomingMessage | undefined;
}

/** Asks all at once; what a silent one says in the end goes to `onLate`. Rejects when one cannot be reached. */
async function beginAll(
  backends: readonly Backend[],
  asked: PassedRequest,
  ids: ReadonlyMap<number, string>,
  onLate: () => void,
): Promise<Begun[]> {
  const outcomes = await Promise.allSettled(
    backends.map(async (backend) => {
      const begun = begin(backend, { ...asked, ...resumed(asked, ids.get(backend.worker)) });
      const { promise: silence, resolve } = Promise.withResolvers<undefined>();
      const timer = setTimeout(() => resolve(undefined), SILENT_MS);
      const stream = await Promise.race([begun, silence]).finally(() => clearTimeout(timer));
      if (stream === undefined) {
        const late = (answer?: IncomingMessage) => {
          answer?.destroy();
          onLate();
        };
        begun.then(late, () => late());
      }
      return { backend, stream };
    }),
  );
  const begun = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return begun;
  for (const { stream } of begun) stream?.destroy();
  throw failed.reason;
}

function isBeat(block: string): boolean {
  return block.startsWith(':');
}

function withIds(block: string, worker: number, ids: Map<number, string>): string {
  return block.replace(/^id: (.*)$/m, (_line, id: string) => {
    ids.set(worker, id);
    return `id: ${Array.from(ids, ([each, read]) => `${each}=${read}`).join(',')}`;
  });
}

/** How far each worker was read, as an id says: `1=a1b2c3d4:7,2=e5f6a7b8:3`. */
function idsOf({ headers, url }: PassedRequest): Map<number, string> {
  const given = headers['last-event-id'] ?? new URLSearchParams(url.split('?')[1]).get('lastEventId') ?? '';
  const ids = new Map<number, string>();
  for (const part of String(given).split(',')) {
    const match = /^([0-9]+)=(.+)$/.exec(part);
    if (match !== null) ids.set(Number(match[1]), match[2] ?? '');
    else if (part !== '') ids.set(0, part);
  }
  return ids;
}

function resumed({ headers, url }: PassedRequest, id: string | undefined): Pick<PassedRequest, 'headers' | 'url'> {
  const [path = '', query = ''] = url.split('?');
  const parameters = new URLSearchParams(query);
  parameters.delete('lastEventId');
  const { 'last-event-id': _last, ...others } = headers;
  const rest = parameters.size === 0 ? path : `${path}?${parameters}`;
  return { url: rest, headers: id === undefined ? others : { ...others, 'last-event-id': id } };
}
