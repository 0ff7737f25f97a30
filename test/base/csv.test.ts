import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CsvRow, type CsvSeparator, type CsvTable, cellText, csvLine, readCsv } from '../../src/base/csv.ts';
import { allAtOnce } from '../../src/base/steps.ts';
import { anyCharacter } from '../kit/any-character.ts';

const all = ({ cells: titles }: CsvRow) => titles.map(() => true);
const read = (text: string | Uint8Array, mostRows = 1_000, keeps: (header: CsvRow) => boolean[] = all): CsvTable =>
  allAtOnce(readCsv(typeof text === 'string' ? new TextEncoder().encode(text) : text, mostRows, keeps));
const cells = (text: string | Uint8Array) => {
  const { header, rows } = read(text);
  return [header?.cells, ...rows.map((row) => row.cells)];
};

describe('reading', () => {
  test('quotes hold separators, line ends and doubled quotes; lines are counted as an editor does', () => {
    const { rows } = read('a,b\r\n"x, ""y""",2\r\n"two\nlines",3\n\n  spaced  ,4');
    expect(rows).toEqual([
      { line: 2, cells: ['x, "y"', '2'], width: 2 },
      { line: 3, cells: ['two\nlines', '3'], width: 2 },
      { line: 6, cells: ['spaced', '4'], width: 2 },
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

  const tooLong = 'the row has more than 65536 characters; nothing behind it was read';
  const unclosed =
    'a quote is opened and not closed within the 65536 characters that a row may have; nothing behind it was read';
  test.each([
    ['of separators', ','.repeat(1_000_000), tooLong],
    ['of one cell', 'x'.repeat(1_000_000), tooLong],
    ['of one quoted cell', `"${'""'.repeat(500_000)}"`, unclosed],
    ['with a quote that is closed too late', `"${'x\n'.repeat(500_000)}"`, unclosed],
    ['with text behind a quote', `"x"${'y'.repeat(1_000_000)}`, tooLong],
    ['of quoted cells', '"x",'.repeat(250_000), unclosed],
  ])('a row of a megabyte is none, so that each step is short: %s', (_what, row, message) => {
    const { header, rows, faults } = read(`a,b\n1,2\n${row}\n3,4`);
    expect([header?.cells, rows.map(({ line }) => line)]).toEqual([['a', 'b'], [2]]);
    expect(faults).toEqual([{ line: 3, message }]);
  });

  test('a quote that nobody closes is told as one, in whatever file', () => {
    const message = expect.stringContaining('a quote is opened and not closed');
    for (const rest of ['', '\n1,2', '\n1,2'.repeat(20_000)])
      expect(read(`a,b\n1,"x${rest}`)).toMatchObject({ rows: [], faults: [{ line: 2, message }] });
  });

  test.each([
    ['within the file', '\n1'],
    ['with a line end of two characters', '\r\n1'],
    ['as the last one', ''],
  ])('a row of 65,536 characters is one, and so is what stands behind it: %s', (_where, rest) => {
    for (const row of ['x'.repeat(65_536), `"${'x'.repeat(65_534)}"`, `${','.repeat(65_535)}x`]) {
      const { rows, faults } = read(`a\n${row}${rest}`);
      expect([rows.map(({ line }) => line), faults]).toEqual([rest === '' ? [2] : [2, 3], []]);
      const longer = read(`a\nx${row}${rest}`);
      expect([longer.rows, longer.faults]).toMatchObject([[], [{ line: 2 }]]);
    }
  });

  test.each([
    ['rows', 'x\n'],
    ['faults', '"x"y\n'],
    ['empty rows', '\n'],
    ['rows of separators', ',,,\n'],
  ])('of a file with too many %s no more are read than may be', (_what, line) => {
    const { rows, faults, isCut } = read(`a\n${line.repeat(100)}`, 100);
    expect([rows.length + faults.length <= 100, isCut]).toEqual([true, false]);
    let steps = 0;
    const reading = readCsv(new TextEncoder().encode(`a\n${line.repeat(5_000)}`), 100, all);
    let step = reading.next();
    for (; step.done !== true; step = reading.next()) steps++;
    expect([step.value.isCut, step.value.rows.length + step.value.faults.length <= 100, steps < 120]).toEqual([
      true,
      true,
      true,
    ]);
  });

  test('of a row the cells of those columns are kept that somebody wants; how far it goes is told', () => {
    const { header, rows } = read(`a,,c\n1,2,3\n4\n,,,,5,,\n${','.repeat(60_000)}x,,`, 100, () => [true, false, true]);
    expect(header).toEqual({ line: 1, cells: ['a', '', 'c'], width: 3 });
    expect(rows).toEqual([
      { line: 2, cells: ['1', '3'], width: 3 },
      { line: 3, cells: ['4'], width: 1 },
      { line: 4, cells: ['', ''], width: 5 },
      { line: 5, cells: ['', ''], width: 60_001 },
    ]);
  });

  test('behind a header with a fault nothing is read, and no other row takes its place', () => {
    for (const [head, fault] of [
      ['"a"x,b', 'there is text behind a closing quote: x'],
      ['"name",'.repeat(20_000), unclosed],
    ])
      expect(read(`${head}\n1,2\n3,4`)).toMatchObject({
        header: undefined,
        rows: [],
        faults: [{ line: 1, message: fault }],
      });
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
    const cell = fc.string({ unit: anyCharacter }).map((text) => text.replace(/[\ud800-\udfff]/g, ''));
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
