/** A phone and a carrier in one process: calls at a rate, each hung up a second after its answer. argv: JSON. Prints what it saw. */
import { createSocket, type Socket } from 'node:dgram';
import { field, openSocket, percentile, statusOf } from './wire.ts';

interface Call {
  readonly number: number;
  readonly socket: Socket;
  readonly sentAtMs: number;
  to: string;
  target: string;
  hungUp: boolean;
}

const { port, callers, carrier, perSecond, seconds, vanishes } = JSON.parse(process.argv[2] ?? '') as {
  port: number;
  callers: string[];
  carrier?: { host: string; port: number };
  perSecond: number;
  seconds: number;
  vanishes?: boolean;
};
const HOLD_MS = 1_000;
const STEP_MS = 5;
const SDP =
  'v=0\r\no=a 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\n';
const run = process.pid.toString(36);

const calls = new Map<string, Call>();
const setups: number[] = [];
const refusals: number[] = [];
const figures = { placed: 0, completed: 0, refused: 0, byesSent: 0, byesAnswered: 0 };

if (carrier !== undefined) {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4_194_304 });
  socket.on('message', (octets, { port: from, address }) => {
    const text = octets.toString('latin1');
    const method = text.slice(0, text.indexOf(' '));
    if (method === 'ACK' || method.startsWith('SIP/')) return;
    const answer = (status: string, body = '') => {
      const vias = text.match(/^Via: .*$/gm)?.map((via) => via.trimEnd()) ?? [];
      const to = field(text, 'To');
      const tagged = to.includes(';tag=') ? to : `${to};tag=c`;
      const contact =
        body === '' ? '' : `Contact: <sip:${carrier.host}:${carrier.port}>\r\nContent-Type: application/sdp\r\n`;
      socket.send(
        `SIP/2.0 ${status}\r\n${vias.join('\r\n')}\r\nFrom: ${field(text, 'From')}\r\nTo: ${tagged}\r\nCall-ID: ${field(text, 'Call-ID')}\r\nCSeq: ${field(text, 'CSeq')}\r\n${contact}Content-Length: ${body.length}\r\n\r\n${body}`,
        from,
        address,
      );
    };
    if (method === 'INVITE') answer('180 Ringing');
    answer('200 OK', method === 'INVITE' ? SDP : '');
  });
  socket.bind(carrier.port, carrier.host);
}

const sockets = await Promise.all(callers.map((address) => openSocket(address, receive)));

function head(method: string, call: Call, uri: string, sequence: number): string {
  const { address, port: own } = call.socket.address();
  return `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${address}:${own};rport;branch=z9hG4bK${run}${call.number}${method === 'ACK' && sequence === 1 ? 'a' : method}\r\nMax-Forwards: 70\r\nFrom: <sip:101@acme.example.com>;tag=${run}${call.number}\r\nTo: ${call.to}\r\nCall-ID: ${run}-${call.number}\r\nCSeq: ${sequence} ${method}\r\n`;
}

function send(call: Call, text: string): void {
  call.socket.send(Buffer.from(text, 'latin1'), port, '127.0.0.1');
}

function place(): void {
  const number = ++figures.placed;
  const socket = sockets[number % sockets.length] as Socket;
  const uri = 'sip:+493012345678@acme.example.com';
  const call: Call = { number, socket, sentAtMs: performance.now(), to: `<${uri}>`, target: uri, hungUp: false };
  calls.set(`${run}-${number}`, call);
  const { address, port: own } = socket.address();
  send(
    call,
    `${head('INVITE', call, uri, 1)}Contact: <sip:101@${address}:${own}>\r\nUser-Agent: board\r\nContent-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`,
  );
}

function receive(text: string): void {
  const status = statusOf(text);
  const call = calls.get(field(text, 'Call-ID'));
  if (call === undefined || status < 200) return;
  const tookMs = performance.now() - call.sentAtMs;
  if (call.hungUp) {
    figures.byesAnswered++;
    figures.completed++;
    calls.delete(`${run}-${call.number}`);
  } else if (status < 300) {
    if (call.target.startsWith('sip:+')) setups.push(tookMs);
    const isFirst = call.target.startsWith('sip:+');
    call.to = field(text, 'To');
    call.target = /<([^>]*)>/.exec(field(text, 'Contact'))?.[1] ?? '';
    send(call, `${head('ACK', call, call.target, 1)}Content-Length: 0\r\n\r\n`);
    if (isFirst) setTimeout(() => hangUp(call, 0), HOLD_MS);
  } else {
    figures.refused++;
    refusals.push(tookMs);
    call.to = field(text, 'To');
    send(
      call,
      `${head('ACK', call, 'sip:+493012345678@acme.example.com', 1).replace(/(branch=\S*?)a\r/, '$1INVITE\r')}Content-Length: 0\r\n\r\n`,
    );
    calls.delete(`${run}-${call.number}`);
  }
}

/** As a user agent does: again after T1, 2*T1, … */
function hangUp(call: Call, tries: number): void {
  if (!calls.has(`${run}-${call.number}`) || tries > 5) return;
  if (tries === 0) figures.byesSent++;
  call.hungUp = true;
  send(call, `${head('BYE', call, call.target, 2)}Content-Length: 0\r\n\r\n`);
  setTimeout(() => hangUp(call, tries + 1), 500 * 2 ** tries);
}

const beganMs = performance.now();
const timer = setInterval(() => {
  const elapsedMs = performance.now() - beganMs;
  if (elapsedMs < seconds * 1000) {
    while (figures.placed < (elapsedMs * perSecond) / 1000) place();
    return;
  }
  clearInterval(timer);
  if (vanishes === true) {
    console.log(JSON.stringify(figures));
    process.exit();
  }
  // INVITEs are sent once: what is unanswered by then was lost.
  setTimeout(() => {
    const unanswered = [...calls.values()].filter(({ hungUp, target }) => !hungUp && target.startsWith('sip:+')).length;
    console.log(
      JSON.stringify({
        ...figures,
        unanswered,
        setupP50: percentile(setups, 0.5),
        setupP99: percentile(setups, 0.99),
        refusalP99: percentile(refusals, 0.99),
      }),
    );
  }, HOLD_MS + 4_000);
}, STEP_MS);
