import { expect, test } from 'vitest';
import { MediaLinks } from '../../src/messages/media-links.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

test('a link is good for its file alone, for seven days, and by its own key', () => {
  const clock = new VirtualScheduler();
  const links = new MediaLinks(Buffer.alloc(32, 1), clock, () => 'https://pbx.example');
  const url = new URL(links.linkTo('7', 'a/b') ?? '');
  expect(url.pathname).toBe('/media/whatsapp/7/a%2Fb');
  const [until, signature] = [Number(url.searchParams.get('until')), url.searchParams.get('signature') ?? ''];
  expect(links.isGood('7', 'a/b', until, signature)).toBe(true);
  expect(links.isGood('8', 'a/b', until, signature)).toBe(false);
  expect(links.isGood('7', 'a', until, signature)).toBe(false);
  expect(links.isGood('7', 'a/b', until + 1, signature)).toBe(false);
  expect(links.isGood('7', 'a/b', until, '')).toBe(false);
  expect(new MediaLinks(Buffer.alloc(32, 2), clock, () => undefined).isGood('7', 'a/b', until, signature)).toBe(false);
  clock.advance(7 * 86_400_000 + 1_000);
  expect(links.isGood('7', 'a/b', until, signature)).toBe(false);
  expect(new MediaLinks(Buffer.alloc(32, 1), clock, () => undefined).linkTo('7', 'a')).toBeUndefined();
});
