/**
 * What is large is read in a thread of its own, and comes over in parts: what one message holds is unpacked on the thread that takes it,
 * and a whole document at once would stop the calls there for as long as reading it would have. What documents have in common goes over once a
 * part, and is kept once: the other thread has looked for it.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker, workerData } from 'node:worker_threads';
import { inSlices, type Steps } from '../base/steps.ts';
import { TextMap } from '../base/text-map.ts';
import { giveWay } from '../base/thread-priority.ts';
import type { Extension, Tenant } from '../provisioning/tenants/schema.ts';
import type { CertificateSettings } from '../provisioning/trunk-settings/certificate-schema.ts';
import { compactExtension, compactTenant, compactTrunk } from '../provisioning/trunk-settings/compact.ts';
import type { Provisioning, TrunkSettings } from '../provisioning/trunk-settings/schema.ts';

/** How many extensions a part holds, and how many of anything else: half a millisecond's unpacking. */
const EXTENSIONS_PER_PART = 100;
const ITEMS_PER_PART = 25;
/** A tenant or trunk with its digest, or the digest alone of one that the asker knows. */
type Sent<T> = readonly [digest: string, document?: T];

type Part =
  | { readonly tenants: readonly Sent<Tenant>[] }
  /** Further extensions of the tenant that came last. */
  | { readonly extensions: readonly Extension[] }
  | { readonly trunks: readonly Sent<TrunkSettings>[] }
  | { readonly certificates: readonly CertificateSettings[] };

/** Tenants and trunks that were read before, by digest: they are not sent again. */
export type KnownDocuments = ReadonlyMap<string, Tenant | TrunkSettings>;

interface AsideData<Input> {
  readonly input: Input;
  readonly isServing: boolean;
  readonly port: MessagePort;
}

/** What this thread, a reading one, is asked. Where calls are served their thread goes before it from here on. */
export function asideData<Input>(): AsideData<Input> {
  const data = workerData as AsideData<Input>;
  if (data.isServing) giveWay();
  return data;
}

/** What it says when all parts are on their way: what else it found, or why there is nothing. */
export interface AsideAnswer<Rest> {
  readonly rest?: Rest;
  readonly failure?: string;
}

/** One thread at a time: each needs memory of its own. */
let turn: Promise<unknown> = Promise.resolve();

/** What a reading thread is asked. */
export interface AsideQuestion<Input> {
  /** Of the thread's file, beside that of `importer`, which is the caller's `import.meta.url`. */
  readonly thread: string;
  readonly importer: string;
  readonly input: Input;
  /** Whether calls are served meanwhile; else everything waits for what is read. */
  readonly isServing: boolean;
  /** What of the input changes hands in place of being copied. */
  readonly transfer?: readonly ArrayBuffer[];
}

/**
 * Has a thread read provisioning documents.
 *
 * @param known what comes back as the object that it is here, when the thread gives it the digest that it has here.
 */
export async function readAside<Input, Rest>(
  question: AsideQuestion<Input>,
  known: KnownDocuments = new TextMap(),
): Promise<Read<Rest>> {
  const { gathered, rest } = await askAside<Input, Rest, Omit<Read<unknown>, 'rest'>>(question, (port) =>
    gatherProvisioning(port, known),
  );
  return { ...gathered, rest };
}

/** Runs a reading thread and gathers the parts that it sends. */
export function askAside<Input, Rest, Gathered>(
  question: AsideQuestion<Input>,
  gatherParts: (port: MessagePort) => Steps<Gathered>,
): Promise<{ readonly gathered: Gathered; readonly rest: Rest }> {
  const read = turn.then(() => runThread<Input, Rest, Gathered>(question, gatherParts));
  // What was read is the asker's alone: kept here, everything provisioned would be in memory twice.
  turn = read.then(ignore, ignore);
  return read;
}

function ignore(): void {}

async function runThread<Input, Rest, Gathered>(
  { thread, importer, input, isServing, transfer = [] }: AsideQuestion<Input>,
  gatherParts: (port: MessagePort) => Steps<Gathered>,
): Promise<{ readonly gathered: Gathered; readonly rest: Rest }> {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL(`./${thread}${importer.endsWith('.ts') ? '.ts' : '.js'}`, importer), {
    workerData: { input, isServing, port: port2 } satisfies AsideData<Input>,
    transferList: [port2, ...transfer],
    name: 'tandem-reader',
  });
  try {
    const { promise, resolve, reject } = Promise.withResolvers<AsideAnswer<Rest>>();
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the reading thread ended')));
    const { rest, failure } = await promise;
    if (rest === undefined) throw new Error(failure ?? 'nothing was read');
    return { gathered: await inSlices(gatherParts(port1)), rest };
  } finally {
    port1.close();
    await worker.terminate();
  }
}

/** Gathers what {@link sendParts} sends. */
export function* gatherProvisioning(
  port: MessagePort,
  known: KnownDocuments = new TextMap(),
): Steps<Omit<Read<unknown>, 'rest'>> {
  const tenants: Tenant[] = [];
  const trunks: TrunkSettings[] = [];
  const certificates: CertificateSettings[] = [];
  const documents = new TextMap<Tenant | TrunkSettings>();
  const take = <T extends Tenant | TrunkSettings>(sent: readonly Sent<T>[], to: T[], kept: (document: T) => T) => {
    for (const [digest, come] of sent) {
      const document = come === undefined ? (known.get(digest) as T) : kept(come);
      to.push(document);
      if (digest !== '') documents.set(digest, document);
    }
  };
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: Part } | undefined;
    if (received === undefined) return { provisioning: { tenants, trunks, certificates }, documents };
    const part = received.message;
    if ('tenants' in part) take(part.tenants, tenants, compactTenant);
    else if ('trunks' in part) take(part.trunks, trunks, compactTrunk);
    else if ('certificates' in part) certificates.push(...part.certificates);
    else (tenants.at(-1)?.extensions as Extension[] | undefined)?.push(...part.extensions.map(compactExtension));
    yield;
  }
}

/** What a thread has read. */
interface Read<Rest> {
  readonly provisioning: Provisioning;
  /** The same by digest, where the thread gives any. */
  readonly documents: KnownDocuments;
  readonly rest: Rest;
}

/**
 * The thread's side: sends what was read, part by part.
 *
 * @param digestOf of a document, and whether the asker has one with this digest; none by default.
 */
export function sendParts(
  port: MessagePort,
  { tenants, trunks, certificates }: Provisioning,
  digestOf: (document: object) => readonly [digest: string, isKnown: boolean] = () => ['', false],
): void {
  const send = (part: Part) => port.postMessage(part);
  let waiting: Sent<Tenant>[] = [];
  let extensions = 0;
  const flush = () => {
    if (waiting.length > 0) send({ tenants: waiting });
    [waiting, extensions] = [[], 0];
  };
  for (const each of tenants) {
    const [digest, isKnown] = digestOf(each);
    const tenant = isKnown ? each : compactTenant(each);
    const first = tenant.extensions.slice(0, EXTENSIONS_PER_PART);
    waiting.push(isKnown ? [digest] : [digest, { ...tenant, extensions: first }]);
    if (!isKnown) extensions += tenant.extensions.length;
    if (extensions < EXTENSIONS_PER_PART && waiting.length < ITEMS_PER_PART) continue;
    flush();
    if (isKnown) continue;
    for (let at = EXTENSIONS_PER_PART; at < tenant.extensions.length; at += EXTENSIONS_PER_PART)
      send({ extensions: tenant.extensions.slice(at, at + EXTENSIONS_PER_PART) });
  }
  flush();
  for (let at = 0; at < trunks.length; at += ITEMS_PER_PART) {
    const some = trunks.slice(at, at + ITEMS_PER_PART).map((trunk): Sent<TrunkSettings> => {
      const [digest, isKnown] = digestOf(trunk);
      return isKnown ? [digest] : [digest, trunk];
    });
    send({ trunks: some });
  }
  for (let at = 0; at < certificates.length; at += ITEMS_PER_PART)
    send({ certificates: certificates.slice(at, at + ITEMS_PER_PART) });
}
