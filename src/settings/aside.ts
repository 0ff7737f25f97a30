/**
 * Large documents are read in a thread of their own, and come over in parts: what one message holds is unpacked on the thread that
 * takes it, and a whole document at once would stop the calls there for as long as reading it would have.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Extension, Tenant } from '../tenants/schema.ts';
import type { Provisioning, TrunkSettings } from '../trunks/schema.ts';

/** How many extensions a part holds, and how many of anything else. */
const EXTENSIONS_PER_PART = 200;
const ITEMS_PER_PART = 50;
const SLICE_MS = 3;

type Part =
  | { readonly tenants: readonly Tenant[] }
  /** Further extensions of the tenant that came last. */
  | { readonly extensions: readonly Extension[] }
  | { readonly trunks: readonly TrunkSettings[] };

/** What the thread gets as its `workerData`. */
export interface AsideData<Input> {
  readonly input: Input;
  readonly port: MessagePort;
}

/** What it says when all parts are on their way: what else it found, or why there is nothing. */
export interface AsideAnswer<Rest> {
  readonly rest?: Rest;
  readonly failure?: string;
}

/** Runs a reading thread and gathers what it read. */
export async function readAside<Input, Rest>(
  thread: URL,
  input: Input,
): Promise<{ provisioning: Provisioning; rest: Rest }> {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(thread, {
    workerData: { input, port: port2 },
    transferList: [port2],
    name: 'tandem-reader',
  });
  try {
    const { promise, resolve, reject } = Promise.withResolvers<AsideAnswer<Rest>>();
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the reading thread ended')));
    const { rest, failure } = await promise;
    if (rest === undefined) throw new Error(failure ?? 'nothing was read');
    return { provisioning: await gather(port1), rest };
  } finally {
    port1.close();
    await worker.terminate();
  }
}

async function gather(port: MessagePort): Promise<Provisioning> {
  const tenants: Tenant[] = [];
  const trunks: TrunkSettings[] = [];
  let endMs = performance.now() + SLICE_MS;
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: Part } | undefined;
    if (received === undefined) return { tenants, trunks };
    const part = received.message;
    if ('tenants' in part) tenants.push(...part.tenants);
    else if ('trunks' in part) trunks.push(...part.trunks);
    else (tenants.at(-1)?.extensions as Extension[] | undefined)?.push(...part.extensions);
    if (performance.now() < endMs) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    endMs = performance.now() + SLICE_MS;
  }
}

/** The thread's side: sends what was read, part by part. */
export function sendParts(port: MessagePort, { tenants, trunks }: Provisioning): void {
  const send = (part: Part) => port.postMessage(part);
  let waiting: Tenant[] = [];
  let extensions = 0;
  const flush = () => {
    if (waiting.length > 0) send({ tenants: waiting });
    [waiting, extensions] = [[], 0];
  };
  for (const tenant of tenants) {
    waiting.push({ ...tenant, extensions: tenant.extensions.slice(0, EXTENSIONS_PER_PART) });
    extensions += tenant.extensions.length;
    if (extensions < EXTENSIONS_PER_PART && waiting.length < ITEMS_PER_PART) continue;
    flush();
    for (let at = EXTENSIONS_PER_PART; at < tenant.extensions.length; at += EXTENSIONS_PER_PART)
      send({ extensions: tenant.extensions.slice(at, at + EXTENSIONS_PER_PART) });
  }
  flush();
  for (let at = 0; at < trunks.length; at += ITEMS_PER_PART) send({ trunks: trunks.slice(at, at + ITEMS_PER_PART) });
}
