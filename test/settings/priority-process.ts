/** A reading thread that says its priority. */
import { readlinkSync } from 'node:fs';
import { getPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { type AsideAnswer, asideData } from '../../src/settings/aside.ts';

asideData();
const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
parentPort?.postMessage({ rest: getPriority(thread) } satisfies AsideAnswer<number>);
