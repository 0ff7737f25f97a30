/** One figure and the bar it has to clear. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What else is to be known of it. */
  readonly note?: string;
  readonly bar: { readonly least: number } | { readonly most: number };
}

/** One line of the scoreboard. */
export interface Item {
  readonly title: string;
  /**
   * `amounts`: the numbers after the item's name on the command line, where the item says what they mean. One that takes long gives each
   * figure as soon as it has it.
   */
  run(...amounts: number[]): Promise<readonly Figure[]> | AsyncIterable<Figure>;
  /** What may be run of it alone: the words after its name on the command line. */
  readonly parts?: {
    readonly names: readonly string[];
    /** The item of these alone; each figure is the one that the whole has. */
    of(names: readonly string[]): Item;
  };
}

export function holds({ value, bar }: Figure): boolean {
  return 'least' in bar ? value >= bar.least : value <= bar.most;
}
