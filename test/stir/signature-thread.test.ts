import { generateKeyPairSync } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { compactVerify } from 'jose';
import { afterEach, expect, test, vi } from 'vitest';
import { SignatureThread } from '../../src/stir/signature-thread.ts';
import { eventually } from '../kit/eventually.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { RecordingLog } from '../sip/transport/recorder.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const inputOf = (iat: number) => `${part({ alg: 'ES256' })}.${part({ iat })}`;
const INPUT = inputOf(1);
const scheduler = new VirtualScheduler();
const log = new RecordingLog();
let thread: SignatureThread | undefined;

afterEach(async () => {
  vi.restoreAllMocks();
  log.lines.length = 0;
  await thread?.close();
});

/** A thread that computes. */
async function started(): Promise<SignatureThread> {
  const made = new SignatureThread({ scheduler, log });
  thread = made;
  await made.sign(INPUT, privateKey);
  await eventually('the thread', () => made.isRunning);
  return made;
}

/** The worker of the thread that asks next. */
function caught(): Worker[] {
  const workers: Worker[] = [];
  const { postMessage } = Worker.prototype;
  vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, ...given) {
    workers.push(this);
    postMessage.apply(this, given);
  });
  return workers;
}

test('what is asked before the thread is there is computed at once', async () => {
  thread = new SignatureThread({ scheduler, log });
  const signature = thread.sign(INPUT, privateKey);
  if (typeof signature !== 'string') throw new Error('it waits');
  // In the same turn: later the thread may be there.
  expect(thread.verify(INPUT, signature, publicKey)).toBe(true);
  await compactVerify(`${INPUT}.${signature}`, publicKey);
});

test('what one turn asks for goes over in one batch; each has its own result; jose agrees', async () => {
  const signatures = await started();
  const workers = caught();
  const asked = Array.from({ length: 20 }, (_, index) => signatures.sign(inputOf(index), privateKey));
  expect(asked.every((each) => each instanceof Promise)).toBe(true);
  const made = await Promise.all(asked);
  expect(workers).toHaveLength(1);
  for (const [index, signature] of made.entries()) await compactVerify(`${inputOf(index)}.${signature}`, publicKey);
  const verdicts = made.flatMap((signature, index) => [
    signatures.verify(inputOf(index), signature, publicKey),
    signatures.verify(inputOf(index + 1), signature, publicKey),
  ]);
  expect(await Promise.all(verdicts)).toEqual(made.flatMap(() => [true, false]));
  expect(workers).toHaveLength(2);
});

test('keys of other kinds are refused as on this thread: none verifies, and one that cannot sign is the asker’s error', async () => {
  const signatures = await started();
  const ed25519 = generateKeyPairSync('ed25519');
  const signature = await signatures.sign(INPUT, privateKey);
  expect(await signatures.verify(INPUT, signature, ed25519.publicKey)).toBe(false);
  await expect(signatures.sign(INPUT, ed25519.privateKey)).rejects.toThrow();
  expect(await signatures.verify(INPUT, await signatures.sign(INPUT, privateKey), publicKey)).toBe(true);
});

test('more keys than are kept: each still verifies what it signed', async () => {
  const signatures = await started();
  const pairs = Array.from({ length: 1200 }, () => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  for (const part of [pairs.slice(0, 600), pairs.slice(600), pairs.slice(0, 600)]) {
    const made = await Promise.all(part.map((pair) => signatures.sign(INPUT, pair.privateKey)));
    const good = await Promise.all(
      part.map((pair, index) => signatures.verify(INPUT, made[index] ?? '', pair.publicKey)),
    );
    expect(good.every(Boolean)).toBe(true);
  }
});

test('a thread that ends costs no call: what was asked is computed here, the log says so, and a minute later there is another', async () => {
  const signatures = await started();
  const workers = caught();
  const asked = signatures.sign(INPUT, privateKey);
  await turn();
  const [worker] = workers;
  await worker?.terminate();
  await compactVerify(`${INPUT}.${await asked}`, publicKey);
  await eventually('its end', () => !signatures.isRunning);
  expect(log.lines.map(({ event }) => event)).toEqual(['signature-thread-ended']);
  expect(signatures.sign(INPUT, privateKey)).toBeTypeOf('string');
  await turn();
  expect(signatures.isRunning).toBe(false);
  scheduler.advance(60_000);
  expect(signatures.sign(INPUT, privateKey)).toBeTypeOf('string');
  await eventually('the next thread', () => signatures.isRunning);
});

test('a thread that does not answer costs two seconds, and no call', async () => {
  const signatures = await started();
  vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(() => {});
  const asked = signatures.sign(INPUT, privateKey);
  await turn();
  scheduler.advance(1_000);
  expect(signatures.isRunning).toBe(true);
  scheduler.advance(1_000);
  expect(signatures.isRunning).toBe(false);
  await compactVerify(`${INPUT}.${await asked}`, publicKey);
});

test('closed, it answers what was asked, and computes here from then on', async () => {
  const signatures = await started();
  const asked = [signatures.sign(INPUT, privateKey), signatures.sign(INPUT, privateKey)];
  await signatures.close();
  for (const signature of await Promise.all(asked)) await compactVerify(`${INPUT}.${signature}`, publicKey);
  expect(signatures.sign(INPUT, privateKey)).toBeTypeOf('string');
  expect(signatures.isRunning).toBe(false);
  expect(log.lines).toEqual([]);
});
