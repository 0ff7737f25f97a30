/** The events of the other nodes, while somebody reads them: each is asked twice a second for what has happened since. */
import type { EngineEvent } from '../../observe/index.ts';
import type { ApiContext } from '../context.ts';
import { concerns, type FeedChannel } from '../event-feed.ts';
import type { NodeQuestion } from '../ports.ts';

const POLL_MS = 500;
const ANSWER_MS = 1_500;
/** At once; more are asked for without a pause. */
const MOST = 500;

type OtherEvent = Pick<EngineEvent, 'at' | 'type' | 'tenants' | 'data'>;

interface EventPage {
  readonly events: readonly OtherEvent[];
  /** To go on from. */
  readonly next: string;
  /** What happened in between is not kept any more. */
  readonly gap: boolean;
  readonly isMore: boolean;
}

/** Who reads them; in the same stream as those of the node itself, which alone have ids. */
interface Reader {
  readonly channel: FeedChannel;
  takes(): boolean;
  write(text: string): void;
}

interface Wanted {
  /** Only of this node, or of its workers, those that come later too; undefined: of all. */
  readonly node: string | undefined;
  /** It has read before: what happened at other nodes meanwhile it has missed. */
  readonly isBack: boolean;
}

interface Followed {
  next: string | undefined;
  isAsked: boolean;
  isSilent: boolean;
}

export class OtherEvents {
  readonly #context: Pick<ApiContext, 'nodes' | 'log'>;
  readonly #readers = new Map<Reader, Wanted>();
  readonly #followed = new Map<string, Followed>();
  /** What readers had no room for. */
  readonly #left = new Map<Reader, number>();
  /** Gaps that readers took nothing to be told of yet: why, by node. */
  readonly #untold = new Map<Reader, Map<string, string>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(context: Pick<ApiContext, 'nodes' | 'log'>) {
    this.#context = context;
  }

  add(reader: Reader, wanted: Wanted): void {
    this.#readers.set(reader, wanted);
    const others = wanted.isBack ? this.#context.nodes.others() : [];
    for (const node of others)
      this.#gap(reader, node, 'what happened there since was not followed; read the resources again');
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#poll(), POLL_MS);
    this.#timer.unref();
    this.#poll();
  }

  remove(reader: Reader): void {
    this.#readers.delete(reader);
    this.#left.delete(reader);
    this.#untold.delete(reader);
    if (this.#readers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#followed.clear();
  }

  #poll(): void {
    for (const reader of this.#untold.keys()) this.#tellGaps(reader);
    const others = this.#context.nodes.others();
    for (const node of this.#followed.keys()) if (!others.includes(node)) this.#followed.delete(node);
    for (const node of others) {
      const followed = this.#followed.get(node) ?? { next: undefined, isAsked: false, isSilent: false };
      this.#followed.set(node, followed);
      if (!followed.isAsked) void this.#follow(node, followed);
    }
  }

  async #follow(node: string, followed: Followed): Promise<void> {
    followed.isAsked = true;
    try {
      for (let isMore = true; isMore && this.#readers.size > 0; ) {
        const page = await this.#since(node, followed.next);
        if (this.#followed.get(node) !== followed) return;
        if (followed.next === undefined) for (const reader of this.#readers.keys()) this.#note(reader, node);
        followed.next = page.next;
        followed.isSilent = false;
        isMore = page.isMore;
        for (const reader of this.#readers.keys()) this.#give(reader, node, page);
      }
    } catch (error) {
      if (followed.isSilent) return;
      followed.isSilent = true;
      this.#context.log.debug('events-not-had', { from: node, error: String(error) });
      for (const reader of this.#readers.keys()) this.#gap(reader, node, `node ${node} does not answer`);
    } finally {
      followed.isAsked = false;
    }
  }

  async #since(node: string, id: string | undefined): Promise<EventPage> {
    const { nodes } = this.#context;
    const query = new URLSearchParams({ format: 'json', limit: String(MOST) });
    if (id !== undefined) query.set('lastEventId', id);
    const identity: NodeQuestion['identity'] = { actor: `node:${nodes.self}`, role: 'system-admin', readOnly: true };
    const url = `/api/v1/events?${query}`;
    const { status, text } = await nodes.ask(node, { method: 'GET', url, identity }, ANSWER_MS);
    if (status !== 200) throw new Error(`node ${node} answers ${status}`);
    return JSON.parse(text) as EventPage;
  }

  #give(reader: Reader, node: string, { events, gap }: EventPage): void {
    if (!this.#wants(reader, node)) return;
    this.#tellGaps(reader);
    if (gap) this.#gap(reader, node, 'events were lost; read the resources again');
    const { types, tenant, perSecond } = reader.channel;
    const wanted = events.filter((event) => concerns({ types, tenant }, event));
    if (wanted.length === 0) return;
    const room = perSecond === undefined ? wanted.length : Math.max(1, Math.floor((perSecond * POLL_MS) / 1000));
    const most = reader.takes() ? Math.min(room, wanted.length) : 0;
    const left = (this.#left.get(reader) ?? 0) + wanted.length - most;
    this.#left.set(reader, left);
    if (most === 0) return;
    const texts = wanted.slice(-most).map(({ type, at, data }) => block(type, { at, node, ...data }));
    if (left > 0) texts.unshift(block('skipped', { count: left }));
    this.#left.delete(reader);
    reader.write(texts.join(''));
  }

  #gap(reader: Reader, node: string, reason: string): void {
    if (!this.#wants(reader, node)) return;
    const untold = this.#untold.get(reader) ?? new Map<string, string>();
    this.#untold.set(reader, untold.set(node, reason));
    this.#tellGaps(reader);
  }

  #tellGaps(reader: Reader): void {
    const untold = this.#untold.get(reader);
    if (untold === undefined || !reader.takes()) return;
    this.#untold.delete(reader);
    reader.write(Array.from(untold, ([node, reason]) => block('gap', { node, reason })).join(''));
  }

  /** From here on it is followed. */
  #note(reader: Reader, node: string): void {
    if (this.#wants(reader, node) && reader.takes()) reader.write(`: node ${node}\n\n`);
  }

  #wants(reader: Reader, node: string): boolean {
    const wanted = this.#readers.get(reader);
    if (wanted === undefined) return false;
    const { node: name } = wanted;
    return name === undefined || name === node || this.#context.nodes.named(name).includes(node);
  }
}

function block(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
