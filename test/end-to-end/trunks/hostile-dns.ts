import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, decode, encode, type Question } from 'dns-packet';

/** What a hostile server says to a question: records, raw octets, or nothing at all. */
export type Reply = readonly Answer[] | Buffer | 'silence';

/** RFC 2308 §5: that there is no such record is remembered for a second. */
const soonForgotten = ({ name }: Question): Answer => ({
  type: 'SOA',
  name,
  ttl: 1,
  data: { mname: name, rname: name, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 },
});

/** A DNS server of the test that says what it is told to, and counts who asks what. */
export async function startHostileDns(say: (question: Question) => Reply) {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  let held: (() => void)[] | undefined;
  socket.on('message', (octets, from) => {
    const { id, questions = [] } = decode(octets);
    const [question] = questions;
    if (question === undefined) return;
    asked.push(`${question.type} ${question.name}`);
    const reply = say(question);
    if (reply === 'silence') return;
    const packet = Buffer.isBuffer(reply)
      ? reply
      : encode({
          type: 'response',
          ...(id === undefined ? {} : { id }),
          questions,
          answers: [...reply],
          authorities: [soonForgotten(question)],
        });
    const answer = () => socket.send(packet, from.port, from.address);
    if (held === undefined) answer();
    else held.push(answer);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    /** From now on its answers wait until the returned function is called. */
    hold() {
      const answers: (() => void)[] = [];
      held = answers;
      return () => {
        held = undefined;
        for (const answer of answers) answer();
      };
    },
    close: () => socket.close(),
  };
}
