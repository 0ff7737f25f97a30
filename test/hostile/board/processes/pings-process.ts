/** An OPTIONS every 50 ms, sent once each. argv: JSON. Prints how many were answered, and how soon. */
import { percentile } from '../../../kit/percentile.ts';
import { field, openSocket } from './wire.ts';

const { port, from, seconds } = JSON.parse(process.argv[2] ?? '') as { port: number; from: string; seconds: number };
const sentAtMs = new Map<string, number>();
const tookMs: number[] = [];
const socket = await openSocket(from, (text) => {
  const sentMs = sentAtMs.get(field(text, 'Call-ID'));
  if (sentMs === undefined) return;
  tookMs.push(performance.now() - sentMs);
  sentAtMs.delete(field(text, 'Call-ID'));
});
const own = socket.address().port;
let sent = 0;
const timer = setInterval(() => {
  if (sent >= seconds * 20) {
    clearInterval(timer);
    setTimeout(
      () => console.log(JSON.stringify({ sent, answered: tookMs.length, p99: percentile(tookMs, 0.99) })),
      1_000,
    );
    return;
  }
  const id = `ping-${process.pid}-${++sent}`;
  sentAtMs.set(id, performance.now());
  socket.send(
    `OPTIONS sip:127.0.0.1:${port} SIP/2.0\r\nVia: SIP/2.0/UDP ${from}:${own};rport;branch=z9hG4bK${id}\r\nMax-Forwards: 70\r\nFrom: <sip:ping@${from}>;tag=1\r\nTo: <sip:127.0.0.1:${port}>\r\nCall-ID: ${id}\r\nCSeq: 1 OPTIONS\r\nUser-Agent: board, a trunk that pings this engine to see whether it lives\r\nContent-Length: 0\r\n\r\n`,
    port,
    '127.0.0.1',
  );
}, 50);
