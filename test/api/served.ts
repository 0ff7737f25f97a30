import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { startTestApi, type TestApi } from './kit.ts';

type Given = Parameters<typeof startTestApi>;

/** An interface that all tests of a file, or of a group, ask: it is there once they run. */
export function apiOfAll(...given: Given): TestApi {
  const world = {} as TestApi;
  beforeAll(async () => void Object.assign(world, await startTestApi(...given)));
  afterAll(() => world.close());
  return world;
}

/** One of its own for each test. */
export function apiOfEach(...given: Given): TestApi {
  const world = {} as TestApi;
  beforeEach(async () => void Object.assign(world, await startTestApi(...given)));
  afterEach(() => world.close());
  return world;
}
