import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '../../kit/child.ts';
import type { Figure } from './item.ts';

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
  /** The same of the part of the answers, 0 to 1, that cannot have lain in a socket while the process of calls stood still itself. */
  readonly seen: { readonly setupP99: number; readonly refusalP99: number; readonly part: number };
  /** The longest that it did. */
  readonly longestStallMs: number;
  /** The Retry-After of refusals, s, each once. */
  readonly retryAfters: readonly number[];
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

/** A carrier that answers every call at once; it listens when this resolves. */
export async function startCarrier(address: { readonly host: string; readonly port: number }): Promise<Child> {
  const carrier = start('carrier', address);
  await carrier.waitFor(/^listening$/m);
  return carrier;
}

export interface Phase {
  readonly perSecond: number;
  readonly seconds: number;
}

interface CallsInput {
  readonly port: number;
  readonly callers: readonly string[];
  /** A carrier in the same process, where the engine has none of its own (`hasCarrier`). */
  readonly carrier?: { readonly host: string; readonly port: number };
  /** Phones and carrier are gone at the end, in the middle of calls and without a word. */
  readonly vanishes?: boolean;
}

/** Places calls through the engine to its carrier and hangs up each after a second. */
export async function placeCalls({ perSecond, seconds, ...input }: CallsInput & Phase): Promise<CallFigures> {
  const [figures] = await placePhases({ ...input, phases: [{ perSecond, seconds }] });
  return figures as CallFigures;
}

/** The same at one rate after the other; the figures of each phase are those of the calls that began in it. */
export async function placePhases(input: CallsInput & { phases: readonly Phase[] }): Promise<CallFigures[]> {
  return (await resultOf<{ phases: CallFigures[] }>(start('calls', input))).phases;
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
  /** What each asks for, in the tenant's domain; default: nobody. */
  dials?: string;
}): Promise<{ sent: number; octetsSent: number; answers: number; octetsReceived: number; worstRatio: number }> {
  return resultOf(start('flood', input));
}

/**
 * How those who behave fare: their pings and their calls.
 * @param least of a hundred pings and calls
 */
export function figuresOfOthers(pings: PingFigures, calls: CallFigures, least: number, when?: string): Figure[] {
  const said = when === undefined ? '' : `${when}: `;
  const completed = (100 * calls.completed) / calls.placed;
  return [
    { what: `${said}pings answered`, value: (100 * pings.answered) / pings.sent, unit: '%', bar: { least } },
    { what: `${said}pings, p99`, value: pings.p99, unit: 'ms', bar: { most: 50 } },
    { what: `${said}calls completed`, value: completed, unit: '%', bar: { least } },
    { what: `${said}calls set up, p99`, value: calls.setupP99, unit: 'ms', bar: { most: 250 } },
  ];
}
