import { expect, test } from 'vitest';
import { ask, startTestApi } from './kit.ts';

test('what the node listens on, with the trunks that depend on each: all of them, or those that one may see', async () => {
  const world = await startTestApi();
  world.engine.sockets = [
    { id: 'lan', transport: 'udp', host: '10.0.0.1', port: 5060, publicHost: '203.0.113.7' },
    { id: 'tls:10.0.0.1:5061', transport: 'tls', host: '10.0.0.1', port: 5061 },
  ];
  const list = async (token: string) => (await ask(world, token, 'GET', '/api/v1/transports')).body;
  expect(await list(world.tokens.system)).toMatchObject({
    total: 2,
    items: [
      { id: 'lan', publicHost: '203.0.113.7', trunks: 3 },
      { transport: 'tls', trunks: 0 },
    ],
  });
  expect((await list(world.tokens.acme)).items[0].trunks).toBe(2);
  await world.close();
});
