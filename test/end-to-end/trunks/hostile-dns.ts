import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, decode, encode, type Question } from 'dns-packet';

/** What a hostile server says to a question: records, raw octets, or nothing at all. */
export type Reply = readonly Answer[] | Buffer | 'silence';

/** A DNS server of the test that says what it is told to, and counts who asks what. */
export async function startHostileDns(say: (question: Question) => Reply) {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (octets, from) => {
    const { id, questions = [] } = decode(octets);
    const [question] = questions;
    if (question === undefined) return;
    asked.push(`${question.type} ${question.name}`);
    const reply = say(question);
    if (reply === 'silence') return;
    const packet = Buffer.isBuffer(reply)
      ? reply
      : encode({ type: 'response', ...(id === undefined ? {} : { id }), questions, answers: [...reply] });
    socket.send(packet, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { address: `127.0.0.1:${socket.address().port}`, asked, close: () => socket.close() };
}
