/** What a command reads and writes; a process gives it its own, tests give strings. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Colour is used only on a terminal, and not with NO_COLOR. */
  readonly colour: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Everything on standard input; for secrets that must not stand on the command line. */
  readInput(): Promise<string>;
}

const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, bold: 1, dim: 2 } as const;
export type Style = keyof typeof CODES;

export function paint(terminal: Terminal, style: Style, text: string): string {
  return terminal.colour ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
}

/** What came from peers and other people may steer a terminal; it is shown, not obeyed. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

export interface TableColumn<T> {
  readonly title: string;
  readonly value: (row: T) => string | number | undefined;
  readonly style?: (row: T) => Style | undefined;
  readonly right?: boolean;
}

/** Rows in aligned columns under their titles. */
export function table<T>(terminal: Terminal, columns: readonly TableColumn<T>[], rows: readonly T[]): string {
  const cells = rows.map((row) => columns.map((column) => printable(String(column.value(row) ?? '-'))));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => (line[index] ?? '').length)),
  );
  const align = (text: string, index: number) => {
    const width = widths[index] ?? 0;
    if (columns[index]?.right === true) return text.padStart(width);
    return index === columns.length - 1 ? text : text.padEnd(width);
  };
  const head = columns.map((column, index) => align(column.title, index)).join('  ');
  const lines = cells.map((line, row) =>
    line
      .map((text, index) => {
        const style = columns[index]?.style?.(rows[row] as T);
        return style === undefined ? align(text, index) : paint(terminal, style, align(text, index));
      })
      .join('  '),
  );
  return `${[paint(terminal, 'bold', head.trimEnd()), ...lines.map((line) => line.trimEnd())].join('\n')}\n`;
}

/** A time for people, in the zone of their machine and with its offset: `2026-11-28 10:41:47+01:00`. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const offset = -time.getTimezoneOffset();
  const shifted = new Date(time.getTime() + offset * 60_000).toISOString().replace('T', ' ').slice(0, 19);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${shifted}${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
}

/** Keeps line ends, and nothing else that a terminal acts on. */
export function printableLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .trimEnd()
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
