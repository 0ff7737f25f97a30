import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Child, startChild } from '../kit/child.ts';

/** Needs no peer: the demo brings its own phone and carrier. */
describe('npm run demo', () => {
  let demo: Child;
  let exitCode: number;

  beforeAll(async () => {
    // The same file that `npm run demo` runs.
    const bin = fileURLToPath(new URL('../../bin/tandem.js', import.meta.url));
    demo = startChild(process.execPath, [bin, 'demo']);
    exitCode = await demo.exited;
  });
  afterAll(() => demo.stop());

  test('exits 0 and leaves no process behind', () => {
    expect(exitCode, demo.output()).toBe(0);
    // The demo's processes share its process group.
    expect(() => process.kill(-demo.pid, 0)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
  });

  test('shows the ladder of the call, both legs', () => {
    const ladder = demo
      .output()
      .split('\n')
      .filter((line) => /^ +[0-9]+\.[0-9]{3} /.test(line));
    const steps = ladder.map((line) => /[-<] ?([A-Z0-9][^-|]*[^-| ]) ?-/.exec(line)?.[1]);
    const wanted = ['INVITE', '407', 'ACK', 'INVITE', 'INVITE', '180', '180', '200', '200', 'BYE', 'BYE'];
    let at = 0;
    for (const step of wanted) {
      at = steps.findIndex((text, index) => index >= at && text?.startsWith(step)) + 1;
      expect(at, `${step} in\n${ladder.join('\n')}`).toBeGreaterThan(0);
    }
  });

  test('shows the INVITE that the carrier received, and no password', () => {
    expect(demo.output()).toMatch(/^INVITE sip:\+14155551212@127\.0\.0\.1:[0-9]+ SIP\/2\.0\r?$/m);
    expect(demo.output()).toMatch(/^From: "Alice" <sip:14155550101@demo\.example\.com>;tag=/m);
    expect(demo.output()).not.toContain('demo-alice-101');
  });
});
