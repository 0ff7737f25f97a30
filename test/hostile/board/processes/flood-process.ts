/** Requests of made-up calls and users at a rate. argv: JSON. Prints what was sent and what came back. */
import { field, openSocket } from './wire.ts';

const { port, from, methods, perSecond, seconds, dials } = JSON.parse(process.argv[2] ?? '') as {
  port: number;
  from: string[];
  methods: string[];
  perSecond: number;
  seconds: number;
  /** What each asks for; default: nobody. */
  dials?: string;
};
const asked = dials === undefined ? 'sip:acme.example.com' : `sip:${dials}@acme.example.com`;
const figures = { sent: 0, octetsSent: 0, answers: 0, octetsReceived: 0, worstRatio: 0 };
const lengths = new Map<string, number>();
const sockets = await Promise.all(
  from.map((address) =>
    openSocket(address, (text) => {
      figures.answers++;
      figures.octetsReceived += text.length;
      const id = field(text, 'Call-ID') || (/\r\ni:(.*)\r/.exec(text)?.[1] ?? '');
      const sent = lengths.get(id);
      if (sent !== undefined) figures.worstRatio = Math.max(figures.worstRatio, text.length / sent);
    }),
  ),
);

function send(): void {
  const number = ++figures.sent;
  const socket = sockets[number % sockets.length];
  const address = from[number % from.length] ?? '';
  const method = methods[number % methods.length] ?? 'OPTIONS';
  const tag = method === 'BYE' ? `;tag=${number}` : '';
  const text = `${method} ${asked} SIP/2.0\r\nVia: SIP/2.0/UDP ${address}:${socket?.address().port};rport;branch=z9hG4bKf${number}\r\nMax-Forwards: 70\r\nFrom: <sip:${number}@acme.example.com>;tag=${number}\r\nTo: <sip:${number}@acme.example.com>${tag}\r\nCall-ID: f${number}\r\nCSeq: 1 ${method}\r\nContact: <sip:${number}@${address}:5060>\r\nContent-Length: 0\r\n\r\n`;
  if (lengths.size < 10_000) lengths.set(`f${number}`, text.length);
  figures.octetsSent += text.length;
  socket?.send(Buffer.from(text, 'latin1'), port, '127.0.0.1');
}

const beganMs = performance.now();
const timer = setInterval(() => {
  const elapsedMs = performance.now() - beganMs;
  if (elapsedMs < seconds * 1000) {
    while (figures.sent < (elapsedMs * perSecond) / 1000) send();
    return;
  }
  clearInterval(timer);
  setTimeout(() => console.log(JSON.stringify(figures)), 1_000);
}, 5);
