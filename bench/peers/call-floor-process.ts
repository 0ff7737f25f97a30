/**
 * The least that a trunk call costs on node:dgram between two legs: seven datagrams read and seven sent, each as it comes, cut and pasted.
 * No parser, no transaction, no timer, no check of anything. argv: PORT CARRIER_PORT.
 */
import { createSocket } from 'node:dgram';

const [port, carrierPort] = process.argv.slice(2).map(Number) as [number, number];
const host = '127.0.0.1';

interface Call {
  readonly phonePort: number;
  /** Of the request that is being answered. */
  via: string;
}

const calls = new Map<string, Call>();
let requests = 0;

const socket = createSocket({
  type: 'udp4',
  recvBufferSize: 4_194_304,
  sendBufferSize: 4_194_304,
  lookup: (address, _options, found) => found(null, address, 4),
});
socket.on('message', (octets, remote) => {
  const text = octets.toString('latin1');
  if (remote.port === carrierPort) onAnswer(text);
  else onRequest(text, remote.port);
});
socket.bind(port, host, () => console.log('ready'));

function onRequest(text: string, phonePort: number): void {
  const [via, callId] = [field(text, 'Via'), field(text, 'Call-ID')];
  const call = calls.get(callId);
  if (call === undefined) {
    calls.set(callId, { phonePort, via });
    const [from, to, cseq] = ['From', 'To', 'CSeq'].map((name) => field(text, name));
    const head = `Via: ${via}\r\nFrom: ${from}\r\nTo: ${to}\r\nCall-ID: ${callId}\r\nCSeq: ${cseq}\r\n`;
    send(`SIP/2.0 100 Trying\r\n${head}Content-Length: 0\r\n\r\n`, phonePort);
  } else call.via = via;
  const own = `SIP/2.0/UDP ${host}:${port};branch=z9hG4bK${++requests}`;
  send(leg(text, own, `b-${callId}`), carrierPort);
}

function onAnswer(text: string): void {
  if (text.startsWith('SIP/2.0 100')) return;
  const callId = field(text, 'Call-ID').slice(2);
  const call = calls.get(callId);
  if (call === undefined) return;
  if (field(text, 'CSeq').endsWith('BYE')) calls.delete(callId);
  send(leg(text, call.via, callId), call.phonePort);
}

/** The message for the other leg. */
function leg(text: string, via: string, callId: string): string {
  return replaced(replaced(replaced(text, 'Via', via), 'Call-ID', callId), 'Contact', `<sip:${host}:${port}>`);
}

function send(text: string, to: number): void {
  socket.send(Buffer.from(text, 'latin1'), to, host, () => {});
}

function field(text: string, name: string): string {
  const at = text.indexOf(`\r\n${name}: `) + name.length + 4;
  return text.slice(at, text.indexOf('\r\n', at));
}

/** As it is where it has no such field. */
function replaced(text: string, name: string, value: string): string {
  const at = text.indexOf(`\r\n${name}: `);
  if (at < 0) return text;
  const start = at + name.length + 4;
  return text.slice(0, start) + value + text.slice(text.indexOf('\r\n', start));
}
