import { expect, test } from 'vitest';
import { FlowLines } from '../../src/trunks/flow-lines.ts';

const [one, other] = [{ key: 'tcp 192.0.2.1:5060' }, { key: 'tcp 192.0.2.2:5060' }];

test('a flow that closes finds the lines over it, and no others', () => {
  const flows = new FlowLines<string>();
  flows.set('a', one);
  flows.set('b', one);
  flows.set('c', other);
  expect(flows.over(one)).toEqual(['a', 'b']);
  expect(flows.over(other)).toEqual(['c']);
});

test('a line is over the flow that was set last, and over none when it is told so', () => {
  const flows = new FlowLines<string>();
  flows.set('a', one);
  flows.set('a', one);
  expect(flows.over(one)).toEqual(['a']);
  flows.set('a', other);
  expect([flows.over(one), flows.over(other)]).toEqual([[], ['a']]);
  flows.set('a', undefined);
  expect(flows.over(other)).toEqual([]);
});

test('lines may be set while those over a flow are gone through', () => {
  const flows = new FlowLines<string>();
  for (const line of ['a', 'b', 'c']) flows.set(line, one);
  const seen: string[] = [];
  for (const line of flows.over(one)) {
    seen.push(line);
    flows.set(line, undefined);
  }
  expect(seen).toEqual(['a', 'b', 'c']);
  expect(flows.over(one)).toEqual([]);
});
