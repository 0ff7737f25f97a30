/**
 * How long calls took from the INVITE to the answer, as a Prometheus histogram. A call adds to a few numbers; they become text when
 * scraped.
 */
const BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32];
const NAME = 'tandem_call_setup_seconds';

export class SetupTimes {
  readonly #label: string;
  /** Of each bucket alone, those beyond the last one behind. */
  readonly #counts: number[] = new Array(BUCKETS_SECONDS.length + 1).fill(0);
  #sumSeconds = 0;

  /** @param label of these calls, as it stands in the text: `direction="outbound"`. */
  constructor(label: string) {
    this.#label = label;
  }

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < BUCKETS_SECONDS.length && seconds > (BUCKETS_SECONDS[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sumSeconds += seconds;
  }

  lines(): string[] {
    const label = this.#label;
    let total = 0;
    const lines = this.#counts.map((count, bucket) => {
      total += count;
      return `${NAME}_bucket{le="${BUCKETS_SECONDS[bucket] ?? '+Inf'}",${label}} ${total}`;
    });
    return [...lines, `${NAME}_sum{${label}} ${this.#sumSeconds}`, `${NAME}_count{${label}} ${total}`];
  }

  /** The part of `/metrics` that several of them are. */
  static render(all: readonly SetupTimes[]): string {
    const lines = all.flatMap((each) => each.lines());
    return `# HELP ${NAME} From the INVITE to the answer\n# TYPE ${NAME} histogram\n${lines.join('\n')}\n`;
  }
}
