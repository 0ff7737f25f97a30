import { expect, test } from 'vitest';
import { UnreadBindings } from '../../src/registrar/unread-bindings.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { binding } from '../store/records.ts';

test('what has ended is not kept for ever, though nobody writes its address again', () => {
  const clock = new VirtualScheduler();
  const unread = new UnreadBindings({ clock, node: 'a', isGone: () => false });
  const lasting = (aor: string, expiresAtWallMs: number) => [
    { ...binding(aor), source: null as never, expiresAtWallMs },
  ];
  for (let index = 0; index < 100; index++)
    unread.keep(`${index}@acme`, lasting(`${index}@acme`, index === 50 ? 1e17 : clock.wallMs() + 1_000));
  clock.advance(2_000);
  for (let index = 0; index < 100; index++) unread.keep('one@acme', lasting('one@acme', clock.wallMs() + 1_000));
  const left = Array.from({ length: 100 }, (_, index) => `${index}@acme`).filter((aor) => unread.has(aor));
  // It is known by for as long as anything may last, so that the log hears of it once.
  expect(left).toEqual(['50@acme']);
  clock.advance(8 * 86_400_000);
  unread.keep('one@acme', []);
  expect(unread.has('50@acme')).toBe(false);
});

test('what cannot be read is known again as it is, and not when it has changed', () => {
  const unread = new UnreadBindings({ clock: new VirtualScheduler(), node: 'a', isGone: () => false });
  const one = { ...binding('101@acme'), source: null as never };
  unread.keep('101@acme', [one]);
  expect([{ ...one }, { ...one, cseq: 99 }].map((each) => unread.isKnown('101@acme', each))).toEqual([true, false]);
});
