/**
 * The least that a REGISTER with digest costs on node:dgram: two datagrams read, a MAC for the nonce, two hashes of the password's proof,
 * two answers cut and pasted. No parser, no check of anything else, nothing kept. argv: PORT.
 */
import { createHmac, hash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

const port = Number(process.argv[2]);
const key = randomBytes(32);
const ha1 = randomBytes(16).toString('hex');
let right = 0;

const socket = createSocket({
  type: 'udp4',
  recvBufferSize: 4_194_304,
  sendBufferSize: 4_194_304,
  lookup: (host, _options, found) => found(null, host, 4),
});
socket.on('message', (octets, { address, port: from }) => {
  socket.send(Buffer.from(answerTo(octets.toString('latin1'), address), 'latin1'), from, address, () => {});
});
socket.bind(port, '127.0.0.1', () => console.log('ready'));

function answerTo(text: string, address: string): string {
  const [via, from, to, callId, cseq] = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].map((name) => field(text, name));
  const head = `Via: ${via}\r\nFrom: ${from}\r\nTo: ${to};tag=1\r\nCall-ID: ${callId}\r\nCSeq: ${cseq}\r\n`;
  const credentials = field(text, 'Authorization');
  if (credentials === '') {
    const nonce = createHmac('sha256', key).update(`${callId} ${address}`).digest('base64url');
    const challenge = `Digest realm="pbx.example.com", nonce="${nonce}", algorithm=MD5, qop="auth"`;
    return `SIP/2.0 401 Unauthorized\r\n${head}WWW-Authenticate: ${challenge}\r\nContent-Length: 0\r\n\r\n`;
  }
  const [nonce, cnonce, uri] = ['nonce', 'cnonce', 'uri'].map((name) => between(credentials, `${name}="`, '"'));
  const counted = `${nonce}:${between(credentials, 'nc=', ',')}:${cnonce}:auth`;
  // The password is nobody's: whether it is right is worked out all the same.
  if (between(credentials, 'response="', '"') === hash('md5', `${ha1}:${counted}:${hash('md5', `REGISTER:${uri}`)}`))
    right++;
  const contact = `${field(text, 'Contact')};expires=3600`;
  return `SIP/2.0 200 OK\r\n${head}Contact: ${contact}\r\nX-Right: ${right}\r\nContent-Length: 0\r\n\r\n`;
}

function field(text: string, name: string): string {
  return between(text, `\r\n${name}: `, '\r\n');
}

function between(text: string, before: string, after: string): string {
  const at = text.indexOf(before);
  return at < 0 ? '' : text.slice(at + before.length, text.indexOf(after, at + before.length));
}
