import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '../../kit/child.ts';

const RESULT_LIMIT_MS = 120_000;

/** What a process of calls saw. Times in ms. */
export interface CallFigures {
  readonly placed: number;
  readonly completed: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly setupP50: number;
  readonly setupP99: number;
  readonly refusalP99: number;
  readonly byesSent: number;
  readonly byesAnswered: number;
}

export interface PingFigures {
  readonly sent: number;
  readonly answered: number;
  readonly p99: number;
}

function start(script: string, input: object): Child {
  const path = fileURLToPath(new URL(`processes/${script}-process.ts`, import.meta.url));
  return startChild(process.execPath, [path, JSON.stringify(input)]);
}

async function resultOf<Result>(child: Child): Promise<Result> {
  await child.waitFor(/^\{.*\}$/m, RESULT_LIMIT_MS);
  await child.stop();
  return JSON.parse(/^\{.*\}$/m.exec(child.output())?.[0] ?? '') as Result;
}

/** Places calls through the engine to a carrier in the same process and hangs up each after a second. */
export function placeCalls(input: {
  port: number;
  callers: readonly string[];
  carrier?: { host: string; port: number };
  perSecond: number;
  seconds: number;
  /** Phones and carrier are gone at the end, in the middle of calls and without a word. */
  vanishes?: boolean;
}): Promise<CallFigures> {
  return resultOf<CallFigures>(start('calls', input));
}

/** An OPTIONS every 50 ms, sent once each. */
export function ping(input: { port: number; from: string; seconds: number }): Promise<PingFigures> {
  return resultOf<PingFigures>(start('pings', input));
}

/** Sends requests of each kind in turn from each of the addresses. Resolves with how many were sent and what came back. */
export function flood(input: {
  port: number;
  from: readonly string[];
  methods: readonly string[];
  perSecond: number;
  seconds: number;
}): Promise<{ sent: number; octetsSent: number; answers: number; octetsReceived: number; worstRatio: number }> {
  return resultOf(start('flood', input));
}
