import { expect, test } from 'vitest';
import { Attempts, type SuiteHooks, type SuiteLike } from './attempts.ts';

interface Suite extends SuiteLike, SuiteHooks {}

/** A file with two suites; what their hooks do is told in order. */
function world() {
  const told: string[] = [];
  const failing = new Set<string>();
  const suite = (name: string, around?: Suite): Suite => {
    const hook = (what: string) => () => {
      told.push(`${name} ${what}`);
      if (failing.has(`${name} ${what}`)) throw new Error(what);
    };
    const made = { name, suite: around, beforeAll: [hook('begins')], afterAll: [hook('ends')] };
    return Object.assign(made, { file: around ?? (made as unknown as Suite) });
  };
  const file = suite('file');
  const [one, other] = [suite('one', file), suite('other', file)];
  const attempts = new Attempts(
    (each) => each as Suite,
    async () => {
      told.push('the rest is stopped');
    },
  );
  return { attempts, told, failing, file, one, other };
}

test('while no attempt fails nothing begins anew', async () => {
  const { attempts, told, one } = world();
  await attempts.beforeWithin(one);
  expect(told).toEqual([]);
});

test('after a failed attempt all suites around it end, from the innermost one, and begin again, once', async () => {
  const { attempts, told, one } = world();
  attempts.failedIn(one);
  await attempts.beforeWithin(one);
  const anew = ['one ends', 'file ends', 'the rest is stopped', 'file begins', 'one begins'];
  expect(told).toEqual(anew);
  await attempts.beforeWithin(one);
  expect(told).toEqual(anew);
});

test('the next suite of the file begins, once, in a file that has begun anew', async () => {
  const { attempts, told, file, one, other } = world();
  attempts.failedIn(one);
  await attempts.beforeWithin(file);
  expect(told).toEqual(['file ends', 'the rest is stopped', 'file begins']);
  await attempts.beforeWithin(other);
  expect(told).toHaveLength(3);
});

test('what does not end well is left behind; what does not begin fails, and is tried again', async () => {
  const { attempts, told, failing, one } = world();
  attempts.failedIn(one);
  failing.add('one ends').add('file begins');
  await expect(attempts.beforeWithin(one)).rejects.toThrow('begins');
  failing.clear();
  told.length = 0;
  await attempts.beforeWithin(one);
  expect(told).toEqual(['one ends', 'file ends', 'the rest is stopped', 'file begins', 'one begins']);
});
