import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CsvSeparator, type CsvTable, cellText, csvLine, readCsv } from '../../src/base/csv.ts';
import { allAtOnce } from '../../src/base/steps.ts';

const read = (text: string | Uint8Array, mostRows = 1_000): CsvTable =>
  allAtOnce(readCsv(typeof text === 'string' ? new TextEncoder().encode(text) : text, mostRows));
const cells = (text: string | Uint8Array) => {
  const { header, rows } = read(text);
  return [header?.cells, ...rows.map((row) => row.cells)];
};

describe('reading', () => {
  test('quotes hold separators, line ends and doubled quotes; lines are counted as an editor does', () => {
    const { rows } = read('a,b\r\n"x, ""y""",2\r\n"two\nlines",3\n\n  spaced  ,4');
    expect(rows).toEqual([
      { line: 2, cells: ['x, "y"', '2'] },
      { line: 3, cells: ['two\nlines', '3'] },
      { line: 6, cells: ['spaced', '4'] },
    ]);
  });

  test('the separator is told by the first line, or by the sep= of a spreadsheet', () => {
    for (const separator of [',', ';', '\t'] as const)
      expect(read(`a${separator}b\n1${separator}2`)).toMatchObject({ separator, rows: [{ cells: ['1', '2'] }] });
    expect(read('sep=;\r\na;b,c\r\n1;2')).toMatchObject({ separator: ';', header: { line: 2, cells: ['a', 'b,c'] } });
    expect(read('"a;b;c",d\n1,2')).toMatchObject({ separator: ',' });
  });

  test('UTF-8 with and without a mark, UTF-16 of either order and Windows-1252 are told apart', () => {
    const text = 'name\nZoë Müller';
    const utf16 = (isBig: boolean) =>
      Uint8Array.from(
        [...`\ufeff${text}`].flatMap((sign) => {
          const code = sign.charCodeAt(0);
          return isBig ? [code >> 8, code & 255] : [code & 255, code >> 8];
        }),
      );
    const latin = Uint8Array.from([...text].map((sign) => sign.charCodeAt(0)));
    for (const [encoding, octets] of [
      ['utf-8', new TextEncoder().encode(text)],
      ['utf-8', new TextEncoder().encode(`\ufeff${text}`)],
      ['utf-16le', utf16(false)],
      ['utf-16be', utf16(true)],
      ['windows-1252', latin],
    ] as const)
      expect(read(octets)).toMatchObject({
        encoding,
        header: { cells: ['name'] },
        rows: [{ line: 2, cells: ['Zoë Müller'] }],
      });
  });

  test('what is wrong with the quoting is told by line, and costs no other line', () => {
    const { rows, faults } = read('a,b\n1,2\n"x"y,3\n4,5\n6,"open\n7,8');
    expect(rows.map(({ line }) => line)).toEqual([2, 4]);
    expect(faults.map(({ line }) => line)).toEqual([3, 5]);
  });

  test.each([
    ['of separators', ','.repeat(1_000_000)],
    ['of one cell', 'x'.repeat(1_000_000)],
    ['of one quoted cell', `"${'""'.repeat(500_000)}"`],
    ['with a quote that is closed too late', `"${'x\n'.repeat(500_000)}"`],
    ['with text behind a quote', `"x"${'y'.repeat(1_000_000)}`],
    ['of quoted cells', '"x",'.repeat(250_000)],
  ])('a row of a megabyte is none, so that each step is short: %s', (_what, row) => {
    const { header, rows, faults } = read(`a,b\n1,2\n${row}\n3,4`);
    expect([header?.cells, rows.map(({ line }) => line)]).toEqual([['a', 'b'], [2]]);
    expect(faults).toEqual([{ line: 3, message: expect.stringContaining('65536 characters') }]);
  });

  test('the longest row is one, and so is what stands behind it', () => {
    const { rows, faults } = read(`a\n${'x'.repeat(65_535)}\n1`);
    expect([rows.map(({ line, cells: [cell = ''] }) => [line, cell.length]), faults]).toEqual([
      [
        [2, 65_535],
        [3, 1],
      ],
      [],
    ]);
  });

  test.each([
    ['rows', 'x\n'],
    ['faults', '"x"y\n'],
  ])('of a file with too many %s no more are read than say so', (_what, line) => {
    const { rows, faults } = read(`a\n${line.repeat(5_000)}`, 100);
    expect(rows.length + faults.length).toBe(101);
  });

  test('a file without anything has no header', () => {
    expect(read('')).toMatchObject({ header: undefined, rows: [] });
    expect(read('\ufeff\r\n\r\n')).toMatchObject({ header: undefined, rows: [] });
  });
});

describe('writing', () => {
  test('what a spreadsheet would run begins with an apostrophe, which comes off again', () => {
    for (const text of ['=1+1', '+49 30', '-1+2', '@SUM(A1)', '\tx', "'=1", "''+2"]) {
      const [line] = cells(csvLine([text, 'end']));
      expect(line?.[0]).toMatch(/^'/);
      expect(cellText(line?.[0] ?? '')).toBe(text);
    }
    expect(csvLine(["'tis", '101'])).toBe("'tis,101\r\n");
  });

  test('a cell with a separator, a quote or a line break is quoted; a number with its sign stays one', () => {
    expect(csvLine(['a', 'b,c', 'say "so"', 'two\r\nlines', undefined, 7, true])).toBe(
      'a,"b,c","say ""so""","two\r\nlines",,7,true\r\n',
    );
    expect(csvLine(['=cmd|x', '@SUM(A1)', '-1+2', '+1-800-FLOWERS', '\tx'])).toBe(
      "'=cmd|x,'@SUM(A1),'-1+2,'+1-800-FLOWERS,'\tx\r\n",
    );
    expect(csvLine(['+14155550100', -5, '-5.25'])).toBe('+14155550100,-5,-5.25\r\n');
  });

  test('whatever is written is read back', () => {
    const cell = fc.string({ unit: 'binary' }).map((text) => text.replace(/[\ud800-\udfff]/g, ''));
    const line = fc.tuple(fc.string({ minLength: 1, unit: fc.constantFrom('a', 'b') }), cell, cell);
    const separator = fc.constantFrom<CsvSeparator>(',', ';', '\t');
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 8 }), separator, (lines, by) => {
        const head = csvLine(['k', 'one', 'two'], by);
        const found = read(head + lines.map((one) => csvLine(one, by)).join(''));
        expect(found.faults).toEqual([]);
        expect(found.rows.map((row) => row.cells.map(cellText))).toEqual(lines);
      }),
    );
  });
});
