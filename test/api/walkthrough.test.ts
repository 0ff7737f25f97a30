import { expect, test } from 'vitest';
import { stepsOf, WALKTHROUGH } from '../kit/walkthrough.ts';
import { ask, startTestApi } from './kit.ts';

test('docs/walkthrough.md: every step comes back as the page says', async () => {
  const steps = stepsOf(WALKTHROUGH);
  expect(steps.length).toBe(WALKTHROUGH.split('```json ').length - 1);
  const world = await startTestApi({ state: { tenants: [], trunks: [], certificates: [] } });
  const tokens: Record<string, string> = { system: world.tokens.system };
  for (const { who, method, url, body, status, code } of steps) {
    const answer = await ask(world, tokens[who], method, url, body);
    expect([method, url, answer.status, code === undefined ? undefined : answer.body?.code]).toEqual([
      method,
      url,
      status,
      code,
    ]);
    if (url === '/api/v1/tokens') tokens[answer.body.tenant] = answer.body.token;
  }
  await world.close();
});
