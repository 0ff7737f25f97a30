/** Pings a node without end, in a thread of its own: whoever reads 30 MB of an export meanwhile sees pings late that were not. workerData: the port. */
import { parentPort, workerData } from 'node:worker_threads';
import { percentile } from '../../kit/percentile.ts';
import { field, openSocket } from '../board/processes/wire.ts';

const PING_EVERY_MS = 10;

const port = workerData as number;
const sent = new Map<string, number>();
const tookMs: number[] = [];
const socket = await openSocket('127.0.0.1', (text) => {
  const id = field(text, 'Call-ID');
  tookMs.push(performance.now() - (sent.get(id) ?? 0));
  sent.delete(id);
});
const local = socket.address().port;
let count = 0;
const timer = setInterval(() => {
  const id = `ping-${process.pid}-${local}-${++count}`;
  sent.set(id, performance.now());
  socket.send(
    `OPTIONS sip:127.0.0.1:${port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${local};branch=z9hG4bK${id}\r\nMax-Forwards: 70\r\nFrom: <sip:ping@127.0.0.1>;tag=${id}\r\nTo: <sip:127.0.0.1:${port}>\r\nCall-ID: ${id}\r\nCSeq: 1 OPTIONS\r\nUser-Agent: a trunk that pings this engine to see whether it lives, and whose request is long enough\r\nContent-Length: 0\r\n\r\n`,
    port,
    '127.0.0.1',
  );
}, PING_EVERY_MS);
parentPort?.once('message', () => {
  clearInterval(timer);
  socket.close();
  // What is unanswered has waited until now.
  const waitedMs = Array.from(sent.values(), (at) => performance.now() - at);
  parentPort?.postMessage(percentile([...tookMs, ...waitedMs], 0.99));
});
parentPort?.postMessage('begun');
