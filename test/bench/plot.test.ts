import { expect, test } from 'vitest';
import { barChart, barsOf } from '../../bench/kit/plot.ts';

const PRINTED = `
CPU per trunk call at 300 calls/s, 5 rounds of 2400 calls, µs: median (least–most)
  tandem       1000 (900–2000)      of it system 310        × kamailio 2.00 (1.90–2.10)
  sip 0.0.6    500 (450–550)        of it system 200        × kamailio 1.00 (1.00–1.00)
  retransmissions seen by the phones: 0
`;

test('the lines of servers are read with their spreads, and no others', () => {
  expect(barsOf(PRINTED)).toEqual([
    { name: 'tandem', median: 1000, min: 900, max: 2000 },
    { name: 'sip 0.0.6', median: 500, min: 450, max: 550 },
  ]);
});

test('a bar is as long as its figure, beside the longest spread of all', () => {
  const svg = barChart('a < b', 'µs', [{ label: '300/s', bars: barsOf(PRINTED) }]);
  const widths = [...svg.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(widths).toHaveLength(2);
  expect((widths[0] ?? 0) / (widths[1] ?? 1)).toBeCloseTo(2, 1);
  expect(svg).toContain('a &lt; b');
  expect(svg).toContain('1000 µs');
  expect(svg.match(/<text|<rect|<line/g)?.length).toBe((svg.match(/<\/text>|\/>/g) ?? []).length);
});
