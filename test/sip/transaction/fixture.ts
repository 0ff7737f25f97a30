import {
  createResponse,
  HeaderId,
  parseMessage,
  SipRequest,
  type SipResponse,
  serialize,
} from '../../../src/sip/message/index.ts';
import {
  type ClientTransaction,
  type ClientTransactionUser,
  type ServerTransaction,
  TransactionLayer,
  type TransactionLayerOptions,
} from '../../../src/sip/transaction/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

/** A channel that remembers what was sent and when. */
export class RecordingChannel {
  readonly reliable: boolean;
  readonly address: string;
  readonly sent: { atMs: number; text: string }[] = [];
  readonly #scheduler: VirtualScheduler;

  constructor(scheduler: VirtualScheduler, reliable = false, address = '192.0.2.1') {
    this.#scheduler = scheduler;
    this.reliable = reliable;
    this.address = address;
  }

  get remoteAddress(): string {
    return this.address;
  }

  send(text: string): void {
    this.sent.push({ atMs: this.#scheduler.nowMs(), text });
  }

  get sentAtMs(): number[] {
    return this.sent.map((each) => each.atMs);
  }

  /** Method or status of each message sent. */
  get kinds(): string[] {
    return this.sent.map(({ text }) => {
      const message = parseMessage(text);
      return message.kind === 'request' ? message.method : String(message.status);
    });
  }

  last(): SipRequest | SipResponse {
    const entry = this.sent.at(-1);
    if (entry === undefined) throw new Error('nothing was sent');
    return parseMessage(entry.text);
  }
}

/** One layer on virtual time with one recording channel, and a user that remembers. */
export class World {
  readonly scheduler = new VirtualScheduler();
  readonly channel: RecordingChannel;
  readonly layer: TransactionLayer<RecordingChannel>;
  readonly requests: ServerTransaction<RecordingChannel>[] = [];
  readonly acks: SipRequest[] = [];
  readonly strayAnswers: SipResponse[] = [];
  readonly responses: number[] = [];
  /** What happened at users, in order. */
  readonly events: string[] = [];
  onRequest: (transaction: ServerTransaction<RecordingChannel>) => void = () => {};
  onStrayCancel: (again: (tag?: string) => void) => boolean = () => false;

  constructor(options: { reliable?: boolean } & Partial<TransactionLayerOptions<RecordingChannel>> = {}) {
    this.channel = new RecordingChannel(this.scheduler, options.reliable ?? false);
    this.layer = new TransactionLayer<RecordingChannel>({
      scheduler: this.scheduler,
      user: {
        onRequest: (transaction) => {
          this.requests.push(transaction);
          this.onRequest(transaction);
        },
        onAck: (ack) => this.acks.push(ack),
        onStrayAnswer: (response) => this.strayAnswers.push(response),
        onStrayCancel: (_cancel, _flow, again) => this.onStrayCancel(again),
      },
      ...options,
    });
  }

  readonly clientUser: ClientTransactionUser<RecordingChannel> = {
    onResponse: (response) => {
      this.responses.push(response.status);
      this.events.push(String(response.status));
    },
    onTimeout: () => this.events.push('timeout'),
    onTransportError: (reason) => this.events.push(`error ${reason}`),
  };

  start(request: SipRequest): ClientTransaction<RecordingChannel> {
    return this.layer.createClient(request, this.channel, this.clientUser);
  }

  receive(message: SipRequest | SipResponse, channel = this.channel): void {
    // Over the octets, as it comes from the network.
    const parsed = parseMessage(serialize(message));
    if (parsed.kind === 'request') this.layer.receiveRequest(parsed, channel);
    else this.layer.receiveResponse(parsed, channel);
  }

  /** Answers the request as its peer would. */
  answer(request: SipRequest, status: number, toTag = 'callee'): SipResponse {
    const response = createResponse(request, status, undefined, { toTag });
    this.receive(response);
    return response;
  }

  get server(): ServerTransaction<RecordingChannel> {
    const server = this.requests.at(-1);
    if (server === undefined) throw new Error('no request has reached the user');
    return server;
  }

  /** Nothing is left behind: no transaction, no timer. */
  isClean(): boolean {
    return this.layer.clientCount === 0 && this.layer.serverCount === 0 && this.scheduler.armedCount === 0;
  }
}

export interface RequestFacts {
  branch?: string;
  callId?: string;
  sequence?: number;
  toTag?: string;
  fromTag?: string;
  host?: string;
  routes?: string[];
  uri?: string;
  cseqMethod?: string;
}

export function makeRequest(method: string, facts: RequestFacts = {}): SipRequest {
  const request = new SipRequest(method, facts.uri ?? 'sip:bob@biloxi.example.com');
  const { headers } = request;
  headers.add(
    HeaderId.Via,
    `SIP/2.0/UDP ${facts.host ?? 'pc33.atlanta.example.com:5060'};branch=${facts.branch ?? 'z9hG4bK776asdhds'}`,
  );
  headers.add(HeaderId.MaxForwards, '70');
  headers.add(HeaderId.From, `"Alice" <sip:alice@atlanta.example.com>;tag=${facts.fromTag ?? '1928301774'}`);
  headers.add(HeaderId.To, `Bob <sip:bob@biloxi.example.com>${facts.toTag === undefined ? '' : `;tag=${facts.toTag}`}`);
  headers.add(HeaderId.CallId, facts.callId ?? 'a84b4c76e66710@pc33.atlanta.example.com');
  headers.add(HeaderId.CSeq, `${facts.sequence ?? 314159} ${facts.cseqMethod ?? method}`);
  for (const route of facts.routes ?? []) headers.add(HeaderId.Route, route);
  return request;
}

export function makeInvite(facts: RequestFacts = {}): SipRequest {
  return makeRequest('INVITE', facts);
}
