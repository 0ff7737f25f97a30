/** Phones: calls at one rate after the other, each hung up a second after its answer. argv: JSON. Prints what it saw of each phase. */
import type { Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { percentile } from '../../../kit/percentile.ts';
import { answerCalls } from './carrier.ts';
import { Stalls } from './stalls.ts';
import { field, openSocket, statusOf } from './wire.ts';

interface Call {
  readonly number: number;
  readonly socket: Socket;
  readonly sentAtMs: number;
  readonly figures: Figures;
  to: string;
  target: string;
  hungUp: boolean;
}

class Figures {
  placed = 0;
  completed = 0;
  refused = 0;
  byesSent = 0;
  byesAnswered = 0;
  unanswered = 0;
  readonly setups: number[] = [];
  readonly refusals: number[] = [];
  readonly retryAfters = new Set<number>();
  /** Those of the two whose answer may not have lain here while this process stood still. */
  readonly seenSetups: number[] = [];
  readonly seenRefusals: number[] = [];
  longestStallMs = 0;
}

const { port, callers, carrier, phases, vanishes } = JSON.parse(process.argv[2] ?? '') as {
  port: number;
  callers: string[];
  carrier?: { host: string; port: number };
  vanishes?: boolean;
  phases: { perSecond: number; seconds: number }[];
};
const HOLD_MS = 1_000;
const STEP_MS = 5;
const SDP =
  'v=0\r\no=a 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\n';
const run = process.pid.toString(36);

const calls = new Map<string, Call>();
const seen = phases.map(() => new Figures());
let lastNumber = 0;

if (carrier !== undefined) await answerCalls(carrier);
const sockets = await Promise.all(callers.map((address) => openSocket(address, receive)));
const stalls = new Stalls(sockets);
/** Where each is bound: to ask for it costs as much as to make a message. */
const boundTo = new Map(sockets.map((socket) => [socket, socket.address()]));

function addressOf(socket: Socket): AddressInfo {
  return boundTo.get(socket) ?? socket.address();
}

function head(method: string, call: Call, uri: string, sequence: number, branch = method): string {
  const { address, port: own } = addressOf(call.socket);
  return `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${address}:${own};rport;branch=z9hG4bK${run}${call.number}${branch}\r\nMax-Forwards: 70\r\nFrom: <sip:101@acme.example.com>;tag=${run}${call.number}\r\nTo: ${call.to}\r\nCall-ID: ${run}-${call.number}\r\nCSeq: ${sequence} ${method}\r\n`;
}

function send(call: Call, text: string): void {
  call.socket.send(Buffer.from(text, 'latin1'), port, '127.0.0.1');
}

function place(figures: Figures): void {
  figures.placed++;
  const number = ++lastNumber;
  const socket = sockets[number % sockets.length] as Socket;
  const uri = 'sip:+493012345678@acme.example.com';
  const call: Call = {
    number,
    socket,
    sentAtMs: performance.now(),
    figures,
    to: `<${uri}>`,
    target: uri,
    hungUp: false,
  };
  calls.set(`${run}-${number}`, call);
  const { address, port: own } = addressOf(socket);
  send(
    call,
    `${head('INVITE', call, uri, 1)}Contact: <sip:101@${address}:${own}>\r\nUser-Agent: board\r\nContent-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`,
  );
}

function receive(text: string): void {
  const status = statusOf(text);
  const call = calls.get(field(text, 'Call-ID'));
  if (call === undefined) return;
  const isSeenLate = stalls.reads(call.socket);
  if (status < 200) return;
  const tookMs = performance.now() - call.sentAtMs;
  const { figures } = call;
  if (call.hungUp) {
    figures.byesAnswered++;
    figures.completed++;
    calls.delete(`${run}-${call.number}`);
  } else if (status < 300) {
    const isFirst = call.target.startsWith('sip:+');
    if (isFirst) figures.setups.push(tookMs);
    if (isFirst && !isSeenLate) figures.seenSetups.push(tookMs);
    call.to = field(text, 'To');
    call.target = /<([^>]*)>/.exec(field(text, 'Contact'))?.[1] ?? '';
    send(call, `${head('ACK', call, call.target, 1, 'a')}Content-Length: 0\r\n\r\n`);
    if (isFirst) setTimeout(() => hangUp(call, 0), HOLD_MS);
  } else {
    figures.refused++;
    figures.refusals.push(tookMs);
    if (!isSeenLate) figures.seenRefusals.push(tookMs);
    figures.retryAfters.add(Number(field(text, 'Retry-After')));
    call.to = field(text, 'To');
    send(call, `${head('ACK', call, 'sip:+493012345678@acme.example.com', 1, 'INVITE')}Content-Length: 0\r\n\r\n`);
    calls.delete(`${run}-${call.number}`);
  }
}

/** As a user agent does: again after T1, 2*T1, … */
function hangUp(call: Call, tries: number): void {
  if (!calls.has(`${run}-${call.number}`) || tries > 5) return;
  if (tries === 0) call.figures.byesSent++;
  call.hungUp = true;
  send(call, `${head('BYE', call, call.target, 2)}Content-Length: 0\r\n\r\n`);
  setTimeout(() => hangUp(call, tries + 1), 500 * 2 ** tries);
}

/** INVITEs are sent once: what is unanswered when this has passed since the last one was lost. */
const LAST_WAIT_MS = HOLD_MS + 4_000;

function report(): void {
  for (const { hungUp, target, figures } of calls.values())
    if (!hungUp && target.startsWith('sip:+')) figures.unanswered++;
  const results = seen.map(({ setups, refusals, seenSetups, seenRefusals, retryAfters, ...counts }) => ({
    ...counts,
    setupP50: percentile(setups, 0.5),
    setupP99: percentile(setups, 0.99),
    refusalP99: percentile(refusals, 0.99),
    seen: {
      setupP99: percentile(seenSetups, 0.99),
      refusalP99: percentile(seenRefusals, 0.99),
      part: (seenSetups.length + seenRefusals.length) / Math.max(1, setups.length + refusals.length),
    },
    retryAfters: [...retryAfters],
  }));
  console.log(JSON.stringify({ phases: results }));
}

let phase = 0;
let beganMs = performance.now();
const timer = setInterval(() => {
  stalls.turn();
  const now = phases[phase];
  const figures = seen[phase];
  const elapsedMs = performance.now() - beganMs;
  if (now === undefined || figures === undefined) {
    if (vanishes !== true && calls.size > 0 && elapsedMs < LAST_WAIT_MS) return;
    clearInterval(timer);
    report();
    if (vanishes === true) process.exit();
    return;
  }
  figures.longestStallMs = Math.max(figures.longestStallMs, stalls.takeLongestMs());
  const placedMs = Math.min(elapsedMs, now.seconds * 1000);
  while (figures.placed < (placedMs * now.perSecond) / 1000) place(figures);
  if (elapsedMs < now.seconds * 1000) return;
  phase++;
  beganMs += now.seconds * 1000;
}, STEP_MS);
