import {
  type ClientTransaction,
  type ClientTransactionUser,
  Endpoint,
  type EndpointOptions,
  type EndpointUser,
  type ServerTransaction,
} from '../../../src/sip/endpoint/index.ts';
import { HeaderId, parseMessage, SipRequest, type SipResponse } from '../../../src/sip/message/index.ts';
import type { Flow, TransportName } from '../../../src/sip/transport/index.ts';
import { type LinkOptions, SimulatedNetwork } from '../../kit/simulated-network.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { RecordingLog } from '../transport/recorder.ts';

/** A user that keeps what it is given and answers as told. */
export class TestUser implements EndpointUser, ClientTransactionUser {
  readonly requests: ServerTransaction[] = [];
  readonly acks: SipRequest[] = [];
  readonly responses: number[] = [];
  readonly outcomes: string[] = [];
  readonly lost: string[] = [];
  /** What to do with a request; default: 200. */
  answer: (transaction: ServerTransaction) => void = (transaction) => transaction.reply(200);

  onRequest(transaction: ServerTransaction): void {
    this.requests.push(transaction);
    this.answer(transaction);
  }

  onAck(request: SipRequest): void {
    this.acks.push(request);
  }

  onFlowClosed(_flow: Flow, reason: string): void {
    this.lost.push(reason);
  }

  onResponse(response: SipResponse, _transaction: ClientTransaction): void {
    this.responses.push(response.status);
  }

  onTimeout(): void {
    this.outcomes.push('timeout');
  }

  onTransportError(reason: string): void {
    this.outcomes.push(reason);
  }
}

export const SERVER = '192.0.2.1';
export const CLIENT = '192.0.2.2';

/** A server endpoint at 192.0.2.1 and a client endpoint at 192.0.2.2 on a simulated network. */
export class World {
  readonly scheduler = new VirtualScheduler();
  readonly network: SimulatedNetwork;
  readonly log = new RecordingLog();
  readonly serverUser = new TestUser();
  readonly clientUser = new TestUser();
  readonly server: Endpoint;
  readonly client: Endpoint;

  constructor(
    options: Partial<EndpointOptions> = {},
    link: LinkOptions = {},
    transports: TransportName[] = ['udp', 'tcp'],
  ) {
    this.network = new SimulatedNetwork(this.scheduler, link);
    this.server = this.#endpoint(SERVER, this.serverUser, options, transports);
    this.client = this.#endpoint(CLIENT, this.clientUser, options, ['udp', 'tcp']);
  }

  #endpoint(address: string, user: TestUser, options: Partial<EndpointOptions>, transports: TransportName[]): Endpoint {
    const settings: EndpointOptions = {
      scheduler: this.scheduler,
      createTransport: (transportUser) => {
        const transport = this.network.transportAt(address)(transportUser);
        for (const name of transports) transport.listen(name);
        return transport;
      },
      ...options,
    };
    return new Endpoint(settings, user, this.log);
  }
}

/** A request as the user of an endpoint makes it: without Via. */
export function request(method: string, callId = 'call-1', subject = 'test'): SipRequest {
  const made = new SipRequest(method, `sip:bob@${SERVER}`);
  made.headers
    .add(HeaderId.MaxForwards, '70')
    .add(HeaderId.From, '<sip:alice@example.com>;tag=a1')
    .add(HeaderId.To, '<sip:bob@example.com>')
    .add(HeaderId.CallId, callId)
    .add(HeaderId.CSeq, `1 ${method}`)
    .add(HeaderId.Contact, `<sip:alice@${CLIENT}>`)
    .add(HeaderId.Subject, subject);
  return made;
}

/** A request as a peer puts it on the wire; `overrides` replace or add header fields, undefined leaves one out. */
export function wire(method: string, overrides: Record<string, string | undefined> = {}, body = ''): string {
  const fields: Record<string, string | undefined> = {
    Via: 'SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKpeer1',
    'Max-Forwards': '70',
    From: '<sip:alice@example.com>;tag=a1',
    To: '<sip:bob@example.com>',
    'Call-ID': 'peer-1',
    CSeq: `1 ${method}`,
    ...overrides,
    'Content-Length': overrides['Content-Length'] ?? String(body.length),
  };
  const lines = Object.entries(fields).filter(([, value]) => value !== undefined);
  return [`${method} sip:bob@192.0.2.1 SIP/2.0`, ...lines.map(([name, value]) => `${name}: ${value}`), '', body].join(
    '\r\n',
  );
}

export function parseResponse(text: string | undefined): SipResponse {
  const message = parseMessage(text ?? '');
  if (message.kind !== 'response') throw new Error(`expected a response, found ${text}`);
  return message;
}
