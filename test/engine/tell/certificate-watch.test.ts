import { expect, test } from 'vitest';
import { CertificateWatch } from '../../../src/engine/tell/certificate-watch.ts';
import { Directory } from '../../../src/provisioning/directory/directory.ts';
import { signer } from '../../kit/stir/signed.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { provision } from '../../trunks/kit.ts';

const DAY_MS = 86_400_000;

test('a file that listeners show is told 30, 7 and 1 days before its end, and at it, once each; a new one has its own end', () => {
  const scheduler = new VirtualScheduler();
  const beganMs = scheduler.wallMs();
  let endMs = beganMs + 31 * DAY_MS;
  const told: unknown[] = [];
  const watch = new CertificateWatch({
    scheduler,
    served: { directory: new Directory(provision({ tenants: [], trunks: [] })) },
    // Two listeners show it.
    shown: () => ['cert.pem', 'cert.pem'].map((name) => ({ name, notAfterMs: endMs })),
    onExpiring: ({ name, owner, daysLeft }) =>
      told.push([name, owner, daysLeft, (scheduler.wallMs() - beganMs) / DAY_MS]),
  });
  watch.look();
  expect(told).toEqual([]);
  scheduler.advance(32 * DAY_MS);
  expect(told).toEqual([
    ['cert.pem', 'system', 30, 1],
    ['cert.pem', 'system', 7, 24],
    ['cert.pem', 'system', 1, 30],
    ['cert.pem', 'system', 0, 31],
  ]);
  endMs = scheduler.wallMs() + 5 * DAY_MS;
  watch.look();
  expect(told.at(-1)).toEqual(['cert.pem', 'system', 7, 32]);
  watch.stop();
  expect(scheduler.armedCount).toBe(0);
});

test("a tenant's certificate is told to it, also when a listener shows a file of that name", () => {
  const scheduler = new VirtualScheduler(Date.UTC(2039, 11, 30));
  const certificates = [signer('tls.pem', { owner: 'acme' })];
  const told: unknown[] = [];
  const watch = new CertificateWatch({
    scheduler,
    served: { directory: new Directory(provision({ tenants: [], trunks: [], certificates })) },
    shown: () => [{ name: 'tls.pem', notAfterMs: scheduler.wallMs() }],
    onExpiring: ({ name, owner, daysLeft }) => told.push([name, owner, daysLeft]),
  });
  watch.look();
  expect(told).toEqual([
    ['tls.pem', 'acme', 7],
    ['tls.pem', 'system', 0],
  ]);
  watch.stop();
});
