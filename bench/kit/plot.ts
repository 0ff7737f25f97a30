/** A figure with its spread, as the benchmarks print it. */
export interface Bar {
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface BarGroup {
  readonly label: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 720;
const LEFT = 132;
const RIGHT = 96;
const BAR = 18;
const GAP = 5;
const GROUP_HEAD = 30;
const HEAD = 44;
const FOOT = 16;
/** Of the servers in the order of their first bar; readable on white and on black. */
const COLOURS = ['#2f81f7', '#8b949e', '#d29922', '#57ab5a', '#c86bb3'];
const TEXT = '#7d8590';

/** Lines of a benchmark that say `NAME  MEDIAN (LEAST–MOST)`, in their order. */
export function barsOf(output: string): Bar[] {
  return [...output.matchAll(/^ {2}(\S[^\n]*?) {2,}([\d.]+) \(([\d.]+)–([\d.]+)\)/gm)].map(
    ([, name = '', median, min, max]) => ({ name, median: Number(median), min: Number(min), max: Number(max) }),
  );
}

/** Horizontal bars in groups on one scale, each with a line from its least to its most, as an SVG image. */
export function barChart(title: string, unit: string, groups: readonly BarGroup[]): string {
  const most = Math.max(...groups.flatMap(({ bars }) => bars.map(({ max }) => max)), Number.MIN_VALUE);
  const scale = (value: number) => (value / most) * (WIDTH - LEFT - RIGHT);
  const names = [...new Set(groups.flatMap(({ bars }) => bars.map(({ name }) => name)))];
  const parts: string[] = [text(LEFT, 24, title, 'font-size="15" font-weight="600"')];
  let y = HEAD;
  for (const { label, bars } of groups) {
    parts.push(text(LEFT, y + 14, label, 'font-size="12"'));
    y += GROUP_HEAD - 8;
    for (const { name, median, min, max } of bars) {
      const middle = y + BAR / 2;
      const colour = COLOURS[names.indexOf(name) % COLOURS.length] ?? TEXT;
      parts.push(
        text(LEFT - 8, middle + 4, name, 'font-size="12" text-anchor="end"'),
        `<rect x="${LEFT}" y="${y}" width="${scale(median).toFixed(1)}" height="${BAR}" fill="${colour}"/>`,
        `<line x1="${(LEFT + scale(min)).toFixed(1)}" x2="${(LEFT + scale(max)).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="${TEXT}" stroke-width="2"/>`,
        text(LEFT + scale(max) + 8, middle + 4, `${Math.round(median)} ${unit}`, 'font-size="12"'),
      );
      y += BAR + GAP;
    }
    y += GROUP_HEAD - 18;
  }
  const height = y + FOOT;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" role="img" aria-label="${escaped(title)}">\n${parts.join('\n')}\n</svg>\n`;
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}" fill="${TEXT}" ${attributes}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
