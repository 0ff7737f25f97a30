import { describe, expect, test } from 'vitest';
import { csvLine } from '../../src/base/csv.ts';

describe('comma-separated values (RFC 4180)', () => {
  test('a field with a comma, a quote or a line break is quoted, and quotes are doubled', () => {
    expect(csvLine(['a', 'b,c', 'say "so"', 'two\r\nlines', undefined, 7, true])).toBe(
      'a,"b,c","say ""so""","two\r\nlines",,7,true\r\n',
    );
  });

  test('what a spreadsheet would run as a formula is text; a number with its sign stays one', () => {
    expect(csvLine(['=cmd|x', '@SUM(A1)', '-1+2', '+1-800-FLOWERS', '\tx'])).toBe(
      "'=cmd|x,'@SUM(A1),'-1+2,'+1-800-FLOWERS,'\tx\r\n",
    );
    expect(csvLine(['+14155550100', -5, '-5.25'])).toBe('+14155550100,-5,-5.25\r\n');
  });
});
