/** The thread that reads the large bodies of the HTTP interface. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { type AsideAnswer, asideData, sendParts } from '../settings/aside.ts';
import { readBulk, sendKeys } from './bulk-body.ts';
import { readDocument, readTenant } from './document.ts';
import type { BodyAnswer, BodyInput, BodyKind } from './large-body.ts';
import { ApiProblem } from './problem.ts';

const READERS: Record<BodyKind, (text: string, to: MessagePort) => unknown> = {
  document: (text, to) => sendParts(to, readDocument(text)),
  tenant: (text, to) => sendParts(to, { tenants: [readTenant(text)], trunks: [], certificates: [] }),
  bulk(text, to) {
    const { keys, ...rest } = readBulk(text);
    sendKeys(to, keys);
    return rest;
  },
};

const { input, port } = asideData<BodyInput>();

function answer(): AsideAnswer<BodyAnswer> {
  const { kind, octets } = input;
  try {
    const rest = READERS[kind](Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString(), port);
    return { rest: { rest } };
  } catch (error) {
    if (!(error instanceof ApiProblem)) return { failure: String(error) };
    const { status, code, message, problems } = error;
    return { rest: { refusal: { status, code, message, problems } } };
  }
}

parentPort?.postMessage(answer());
