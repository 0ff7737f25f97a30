import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { Icons } from '../../src/stir/icons.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const URL_OF_ICON = 'https://img.example/acme.png';
const PICTURE = Buffer.from('a picture');
const digest = (algorithm: string, of: Buffer = PICTURE) =>
  `${algorithm}-${createHash(algorithm).update(of).digest('base64')}`;

function icons(answer: () => Promise<Buffer>) {
  const asked: string[] = [];
  const made = new Icons({
    scheduler: new VirtualScheduler(),
    timeoutMs: 2000,
    waitingCalls: 10,
    fetch: async ({ href }) => {
      asked.push(href);
      return { octets: await answer(), freshMs: 60_000, mayBeStale: false };
    },
  });
  return { made, asked };
}

test.each(['sha256', 'sha384', 'sha512'])(
  'what is there is what was signed, by %s; fetched once',
  async (algorithm) => {
    const { made, asked } = icons(() => Promise.resolve(PICTURE));
    const icon = { url: URL_OF_ICON, digest: digest(algorithm) };
    expect(await made.fault(icon, 'acme', 2000)).toBeUndefined();
    expect(made.fault(icon, 'acme', 2000)).toBeUndefined();
    expect(made.fault({ ...icon, digest: digest(algorithm, Buffer.from('another')) }, 'acme', 2000)).toContain(
      'another one',
    );
    expect(asked).toEqual([URL_OF_ICON]);
  },
);

test('what cannot be fetched is not shown', async () => {
  const { made } = icons(() => Promise.reject(new Error('the answer is 404')));
  expect(await made.fault({ url: URL_OF_ICON, digest: digest('sha256') }, 'acme', 2000)).toBe(
    `the icon cannot be fetched: the answer is 404 (${URL_OF_ICON})`,
  );
});

test.each([
  'http://img.example/a.png',
  'https://u:p@img.example/a.png',
  'https://img.example:22/a.png',
  'file:///etc/passwd',
  'https://img.example/a.png?q',
  'data:image/png;base64,AAAA',
])('nothing is fetched from %s', (url) => {
  const { made, asked } = icons(() => Promise.resolve(PICTURE));
  expect(made.fault({ url, digest: digest('sha256') }, 'acme', 2000)).toContain('the URL of the icon');
  expect(asked).toEqual([]);
});
