import { expect, test } from 'vitest';
import { OwnerTurns } from '../../src/api/owner-turns.ts';

/** A change that goes on until it is told to end. */
function held(name: string, done: string[]) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const work = async () => {
    done.push(name);
    await promise;
    return name;
  };
  return { work, end: resolve };
}

test('one change is in work at a time, and each gets its answer', async () => {
  const queue = new OwnerTurns(100, 'changes');
  const begun: string[] = [];
  const [a, b] = [held('a', begun), held('b', begun)];
  const answers = [queue.run('acme', a.work), queue.run('acme', b.work)];
  expect(begun).toEqual(['a']);
  a.end();
  expect(await answers[0]).toBe('a');
  expect(begun).toEqual(['a', 'b']);
  b.end();
  expect(await answers[1]).toBe('b');
});

test("owners have their turns one after the other: behind a storm of one, another's change is the next but one", async () => {
  const queue = new OwnerTurns(100, 'changes');
  const begun: string[] = [];
  const change = (name: string) => async () => {
    begun.push(name);
  };
  const storm = Array.from({ length: 20 }, (_, n) => queue.run('loud', change(`loud ${n}`)));
  const other = queue.run('quiet', change('quiet'));
  await Promise.all([...storm, other]);
  expect(begun.indexOf('quiet')).toBeLessThanOrEqual(2);
  expect(begun.filter((name) => name !== 'quiet')).toEqual(Array.from({ length: 20 }, (_, n) => `loud ${n}`));
});

test('a change that fails keeps nobody else from theirs', async () => {
  const queue = new OwnerTurns(100, 'changes');
  const failing = queue.run('acme', () => Promise.reject(new Error('broken')));
  const next = queue.run('acme', async () => 'next');
  await expect(failing).rejects.toThrow('broken');
  expect(await next).toBe('next');
  expect(await queue.run('acme', async () => 'later')).toBe('later');
});

test('more changes of one owner than may wait are refused with 429, and others still wait', async () => {
  const queue = new OwnerTurns(100, 'changes');
  const first = held('first', []);
  const running = queue.run('loud', first.work);
  const waiting = Array.from({ length: 100 }, () => queue.run('loud', async () => {}));
  await expect(queue.run('loud', async () => {})).rejects.toMatchObject({
    status: 429,
    code: 'too-many-changes',
    headers: { 'retry-after': '1' },
  });
  const other = queue.run('quiet', async () => 'done');
  first.end();
  expect(await running).toBe('first');
  await Promise.all(waiting);
  expect(await other).toBe('done');
});
