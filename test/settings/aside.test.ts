import { constants, getPriority } from 'node:os';
import { expect, test } from 'vitest';
import { askAside } from '../../src/settings/aside.ts';

test.skipIf(process.platform !== 'linux')(
  'a thread that reads gives way while calls are served, and has the time of all before',
  async () => {
    const importer = new URL('aside.test.ts', import.meta.url).href;
    const priorityWhere = async (isServing: boolean) => {
      const question = { thread: 'priority-process', importer, input: undefined, isServing };
      const { rest } = await askAside<undefined, number, void>(question, function* () {});
      return rest;
    };
    expect(await priorityWhere(false)).toBe(getPriority());
    expect(await priorityWhere(true)).toBe(
      Math.min(Math.max(getPriority(), 0) + constants.priority.PRIORITY_BELOW_NORMAL, constants.priority.PRIORITY_LOW),
    );
  },
);
