import { expect, test } from 'vitest';
import { ask, startTestApi } from './kit.ts';

test('POST /api/v1/drain says at once how many calls are in progress and how long they have', async () => {
  const world = await startTestApi({ drain: () => ({ node: 'edge-1', calls: 3, limitSeconds: 60 }) });
  expect(await ask(world, world.tokens.system, 'POST', '/api/v1/drain')).toMatchObject({
    status: 202,
    body: { node: 'edge-1', calls: 3, limitSeconds: 60 },
  });
  await world.close();
});
