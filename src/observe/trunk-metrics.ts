/**
 * The metrics that every trunk has lines of, as Prometheus text. With 10,000 trunks they are tens of thousands of lines, and are made
 * in steps when scraped.
 */
import type { Steps } from '../base/steps.ts';

export interface TrunkGauge {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly activeCalls: number;
  /** Of a teams trunk. */
  readonly datacentres?: readonly {
    readonly target: string;
    readonly address?: string | undefined;
    readonly state: string;
  }[];
}

const TRUNKS_PER_STEP = 10;
const LINES_PER_PIECE = 100;

export class TrunkMetrics {
  /** By trunk id and final status; of trunks that are there no more until the next scrape. */
  readonly #attempts = new Map<string, Map<number, number>>();
  #read: (() => Iterable<TrunkGauge>) | undefined = undefined;

  /** The state and load of every trunk, read when scraped. */
  readTrunks(read: () => Iterable<TrunkGauge>): void {
    this.#read = read;
  }

  /** The attempts of a trunk so far, to be counted on, by final status. */
  attempts(trunkId: string): Map<number, number> {
    let counts = this.#attempts.get(trunkId);
    if (counts === undefined) {
      counts = new Map();
      this.#attempts.set(trunkId, counts);
    }
    return counts;
  }

  /** Their part of what `/metrics` serves. */
  *render(labelOf: (status: number) => string): Steps<string> {
    const [up, calls, datacentres] = [new Lines(), new Lines(), new Lines()];
    const states = new Map<string, number>();
    let trunks = 0;
    const gone = new Set(this.#read === undefined ? [] : this.#attempts.keys());
    for (const { id, name, state, activeCalls, datacentres: places = [] } of this.#read?.() ?? []) {
      gone.delete(id);
      const labels = `{trunk_id="${escaped(id)}",trunk="${escaped(name)}"}`;
      up.push(`tandem_trunk_up${labels} ${state === 'online' ? 1 : 0}`);
      calls.push(`tandem_trunk_calls${labels} ${activeCalls}`);
      for (const place of places) {
        const at = `,datacentre="${escaped(place.target)}",address="${escaped(place.address ?? '')}"}`;
        datacentres.push(`tandem_trunk_datacentre_up${labels.slice(0, -1)}${at} ${place.state === 'up' ? 1 : 0}`);
      }
      states.set(state, (states.get(state) ?? 0) + 1);
      if (++trunks % TRUNKS_PER_STEP === 0) yield;
    }
    for (const id of gone) this.#attempts.delete(id);
    const attempts = new Lines();
    for (const [trunkId, counts] of this.#attempts) {
      for (const [status, count] of counts)
        attempts.push(`tandem_trunk_attempts_total{trunk_id="${escaped(trunkId)}",code="${labelOf(status)}"} ${count}`);
      yield;
    }
    const counted = new Lines();
    for (const [state, count] of states) counted.push(`tandem_trunks{state="${escaped(state)}"} ${count}`);
    const families = [
      family('tandem_trunk_attempts_total', 'counter', 'Tries of a trunk, by final status', attempts),
      family('tandem_trunk_up', 'gauge', '1 while the trunk is online, else 0', up),
      family(
        'tandem_trunk_datacentre_up',
        'gauge',
        '1 while a datacentre of a teams trunk takes calls, else 0',
        datacentres,
      ),
      family('tandem_trunks', 'gauge', 'Trunks by state', counted),
      family('tandem_trunk_calls', 'gauge', 'Calls in progress on a trunk', calls),
    ];
    yield;
    return families.join('');
  }
}

function family(name: string, type: 'counter' | 'gauge', help: string, lines: Lines): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.text()}\n`;
}

/** A text of very many lines, put together some at a time. */
class Lines {
  readonly #pieces: string[] = [];
  #latest: string[] = [];

  push(line: string): void {
    if (this.#latest.push(line) === LINES_PER_PIECE) this.#end();
  }

  /** Each with its end. */
  text(): string {
    if (this.#latest.length > 0) this.#end();
    return this.#pieces.join('');
  }

  #end(): void {
    this.#pieces.push(`${this.#latest.join('\n')}\n`);
    this.#latest = [];
  }
}

/** A label's value in the text format. */
function escaped(text: string): string {
  return /["\\\n]/.test(text) ? text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n') : text;
}
