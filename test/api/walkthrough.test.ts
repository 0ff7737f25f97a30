import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ask, startTestApi } from './kit.ts';

interface Step {
  readonly who: string;
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
  readonly status: number;
  readonly code: string | undefined;
}

/** The steps of the page: ```json WHO, then METHOD path, then the body if any, then => status and code. */
function stepsOf(page: string): Step[] {
  return [...page.matchAll(/```json (\w+)\n(\w+) (\S+)\n([\s\S]*?)=> (\d+) ?(\S*)\n```/g)].map(
    ([, who = '', method = '', url = '', body = '', status, code = '']) => ({
      who,
      method,
      url,
      body: body.trim() === '' ? undefined : JSON.parse(body),
      status: Number(status),
      code: code === '' ? undefined : code,
    }),
  );
}

test('docs/walkthrough.md: every step comes back as the page says', async () => {
  const page = readFileSync(new URL('../../docs/walkthrough.md', import.meta.url), 'utf8');
  const steps = stepsOf(page);
  expect(steps.length).toBe(page.split('```json ').length - 1);
  const world = await startTestApi({ state: { tenants: [], trunks: [] } });
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
