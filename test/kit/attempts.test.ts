import { expect, test } from 'vitest';
import { Attempts, type SuiteHooks, type SuiteLike, type TaskLike } from './attempts.ts';

interface Suite extends SuiteLike, SuiteHooks {}

const ANEW = ['one ends', 'file ends', 'the rest is stopped', 'file begins', 'one begins'];

/** A file with two suites; what their hooks do, which takes a turn, is told in order. */
function world() {
  const told: string[] = [];
  const failing = new Set<string>();
  const suite = (name: string, around?: Suite): Suite => {
    const hook = (what: string) => async () => {
      await new Promise(setImmediate);
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
  const testOf = (of: Suite): TaskLike => ({ suite: of, file });
  /** An attempt that fails. */
  const fail = async (task: TaskLike) => {
    try {
      await attempts.enter(task);
    } finally {
      attempts.failed(task);
      attempts.leave(task);
    }
  };
  return { attempts, told, failing, file, one, other, testOf, fail };
}

test('while no attempt fails nothing begins anew', async () => {
  const { attempts, told, one, testOf } = world();
  await attempts.enter(testOf(one));
  expect(told).toEqual([]);
});

test('after a failed attempt all suites around it end, from the innermost one, and begin again, once', async () => {
  const { attempts, told, one, testOf, fail } = world();
  await fail(testOf(one));
  const next = testOf(one);
  await attempts.enter(next);
  expect(told).toEqual(ANEW);
  attempts.leave(next);
  await attempts.enter(testOf(one));
  expect(told).toEqual(ANEW);
});

test('the next suite of the file begins, once, in a file that has begun anew', async () => {
  const { attempts, told, one, other, testOf, fail } = world();
  await attempts.enter(one);
  await fail(testOf(one));
  attempts.leave(one);
  await attempts.enter(other);
  expect(told).toEqual(['file ends', 'the rest is stopped', 'file begins']);
  await attempts.enter(testOf(other));
  expect(told).toHaveLength(3);
});

test('what does not end well is left behind; what does not begin fails, and is tried again', async () => {
  const { attempts, told, failing, one, testOf, fail } = world();
  await fail(testOf(one));
  failing.add('one ends').add('file begins');
  await expect(fail(testOf(one))).rejects.toThrow('begins');
  failing.clear();
  told.length = 0;
  await attempts.enter(testOf(one));
  expect(told).toEqual(ANEW);
});

test('side by side: nothing ends that another test is in; what was spoilt begins anew once nobody is', async () => {
  const { attempts, told, one, testOf, fail } = world();
  const [sibling, again] = [testOf(one), testOf(one)];
  await attempts.enter(one);
  await attempts.enter(sibling);
  await fail(testOf(one));
  await attempts.enter(again);
  expect(told).toEqual([]);
  for (const task of [sibling, again]) attempts.leave(task);
  await attempts.enter(testOf(one));
  expect(told).toEqual(ANEW);
});

test('side by side: whoever comes while suites begin waits for them, and they begin once', async () => {
  const { attempts, told, one, other, testOf, fail } = world();
  await fail(testOf(one));
  const entered = [testOf(one), testOf(one), other].map(async (task) => {
    await attempts.enter(task);
    return told.length;
  });
  expect(await Promise.all(entered)).toEqual([ANEW.length, ANEW.length, ANEW.length]);
  expect(told).toEqual(ANEW);
});

test('suites side by side: one begins anew by itself while another is open, the file once that is over', async () => {
  const { attempts, told, one, other, testOf, fail } = world();
  for (const suite of [one, other]) await attempts.enter(suite);
  await fail(testOf(one));
  const again = testOf(one);
  await attempts.enter(again);
  expect(told).toEqual(['one ends', 'one begins']);
  attempts.leave(again);
  attempts.leave(other);
  await attempts.enter(testOf(one));
  expect(told).toEqual(['one ends', 'one begins', ...ANEW]);
});
