import type { KnownNode, NodeFacts, NodeRoster } from '../stores.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { ANNOUNCE } from './scripts.ts';

const TELL_MS = 500;
/** Nine tellings may be lost before a node counts as gone. */
const GONE_AFTER_MS = 4500;

/** The roster in Redis: each node writes its line twice a second and reads the others' in the same step. */
export class RedisNodes implements NodeRoster {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #node: string;
  #facts: (() => NodeFacts) | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #telling: Promise<void> | undefined = undefined;
  #others: readonly KnownNode[] = [];
  #calls = new Map<string, number>();
  #beat = 0;

  constructor(link: RedisLink, keys: Keys, node: string) {
    this.#link = link;
    this.#keys = keys;
    this.#node = node;
  }

  announce(facts: () => NodeFacts): void {
    this.#facts = facts;
    this.#timer ??= setInterval(() => this.#tell(), TELL_MS);
    this.#tell();
  }

  others(): readonly KnownNode[] {
    return this.#others;
  }

  callsElsewhere(key: string): number {
    return this.#calls.get(key) ?? 0;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#facts === undefined) return;
    await this.#telling;
    await this.#link.command('HDEL', this.#keys.nodes, this.#node).catch(() => {});
  }

  #tell(): void {
    if (this.#facts === undefined || this.#telling !== undefined) return;
    const facts = JSON.stringify({ ...this.#facts(), beat: ++this.#beat });
    this.#telling = this.#link
      .run(ANNOUNCE, [this.#keys.nodes], [this.#node, facts, GONE_AFTER_MS])
      .then((alive) => this.#hear(alive as Buffer[]))
      // The watch reports that Redis is away; the last roster stays.
      .catch(() => {})
      .finally(() => {
        this.#telling = undefined;
      });
  }

  #hear(alive: readonly Buffer[]): void {
    const others: KnownNode[] = [];
    const calls = new Map<string, number>();
    for (let i = 0; i + 1 < alive.length; i += 2) {
      const name = String(alive[i]);
      if (name === this.#node) continue;
      const facts = JSON.parse(String(alive[i + 1])) as Omit<KnownNode, 'name'>;
      others.push({ ...facts, name });
      for (const [key, count] of Object.entries(facts.calls ?? {})) calls.set(key, (calls.get(key) ?? 0) + count);
    }
    this.#others = others;
    this.#calls = calls;
  }
}
