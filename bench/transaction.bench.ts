/**
 * Life cycle of transactions, without network: what the layer adds to each message of a call. Run with `node bench/transaction.bench.ts`.
 * Each iteration makes, drives and ends its transactions; the wheel's timers are armed and cancelled as in the engine.
 */
import { bench, do_not_optimize, run, summary } from 'mitata';
import { randomBranch } from '../src/base/ids.ts';
import { WheelScheduler } from '../src/base/wheel-scheduler.ts';
import {
  createResponse,
  HeaderId,
  parseMessage,
  SipRequest,
  type SipResponse,
  serialize,
} from '../src/sip/message/index.ts';
import { type ServerTransaction, TransactionLayer } from '../src/sip/transaction/index.ts';

class Sink {
  readonly reliable: boolean;
  last = '';
  constructor(reliable: boolean) {
    this.reliable = reliable;
  }
  send(text: string): void {
    this.last = text;
  }
}

const clientUser = { onResponse() {}, onTimeout() {}, onTransportError() {} };

function makeRig(reliable: boolean) {
  const sink = new Sink(reliable);
  const scheduler = new WheelScheduler();
  let server: ServerTransaction<Sink> | undefined;
  const layer = new TransactionLayer<Sink>({
    scheduler,
    // Over UDP finished transactions linger for up to 32 s, many more than a rig may hold.
    maxServerTransactions: 2 ** 30,
    maxClientTransactions: 2 ** 30,
    user: {
      onRequest(transaction) {
        server = transaction;
      },
      onAck() {},
    },
  });
  return { layer, sink, server: () => server as ServerTransaction<Sink> };
}

function makeRequest(method: string): SipRequest {
  const branch = randomBranch();
  const request = new SipRequest(method, 'sip:+442071838750@carrier.example.net');
  request.headers
    .add(HeaderId.Via, `SIP/2.0/UDP 192.0.2.10:5060;branch=${branch};rport`)
    .add(HeaderId.MaxForwards, '70')
    .add(HeaderId.From, `"Alice" <sip:1001@example.com>;tag=${branch.slice(7)}`)
    .add(HeaderId.To, '<sip:+442071838750@carrier.example.net>')
    .add(HeaderId.CallId, branch)
    .add(HeaderId.CSeq, `1 ${method}`)
    .add(HeaderId.Contact, '<sip:1001@192.0.2.10:5060>');
  return request;
}

/** The answers as the peer would send them: parsed, so that typed fields are read from text. */
function parsedResponse(request: SipRequest, status: number): SipResponse {
  return parseMessage(serialize(createResponse(request, status, undefined, { toTag: 'callee' }))) as SipResponse;
}

for (const reliable of [false, true]) {
  const transport = reliable ? 'TCP' : 'UDP';
  const rig = makeRig(reliable);
  summary(() => {
    bench(`messages alone: INVITE, 180, 200 made and parsed`, () => {
      const invite = makeRequest('INVITE');
      do_not_optimize(serialize(invite));
      do_not_optimize(parsedResponse(invite, 180));
      do_not_optimize(parsedResponse(invite, 200));
    });
    bench(`INVITE client over ${transport}: created, 180, 200`, () => {
      const invite = makeRequest('INVITE');
      rig.layer.createClient(invite, rig.sink, clientUser);
      rig.layer.receiveResponse(parsedResponse(invite, 180), rig.sink);
      rig.layer.receiveResponse(parsedResponse(invite, 200), rig.sink);
      rig.layer.close();
    });
    bench(`INVITE client and server over ${transport}: 180, 200`, () => {
      const invite = makeRequest('INVITE');
      rig.layer.createClient(invite, rig.sink, clientUser);
      rig.layer.receiveRequest(parseMessage(rig.sink.last) as SipRequest, rig.sink);
      rig.server().reply(180);
      rig.layer.receiveResponse(parseMessage(rig.sink.last) as SipResponse, rig.sink);
      rig.server().reply(200);
      rig.layer.receiveResponse(parseMessage(rig.sink.last) as SipResponse, rig.sink);
      rig.layer.close();
    });
    bench(`BYE client and server over ${transport}: 200`, () => {
      const bye = makeRequest('BYE');
      rig.layer.createClient(bye, rig.sink, clientUser);
      rig.layer.receiveRequest(parseMessage(rig.sink.last) as SipRequest, rig.sink);
      rig.server().reply(200);
      rig.layer.receiveResponse(parseMessage(rig.sink.last) as SipResponse, rig.sink);
      rig.layer.close();
    });
  });
}

await run();
process.exit(0);
