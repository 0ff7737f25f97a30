import {
  type AccountLookup,
  aorKey,
  type Binding,
  type BindingChange,
  type BindingStore,
  type KeptBindings,
  type RegisterAccount,
  RegisterHandler,
  type RegisterRefused,
  Registrar,
  type RegistrarFlow,
  type RegistrarOptions,
  type StoredBinding,
} from '../../src/registrar/index.ts';
import { replaceAuthorization } from '../../src/sip/auth/digest-client.ts';
import { DigestClient, DigestServer } from '../../src/sip/auth/index.ts';
import { HeaderId, type HeaderList, parseMessage, type SipRequest, SipResponse } from '../../src/sip/message/index.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

export const DOMAIN = 'acme.example.com';
export const BOB = aorKey('bob', DOMAIN);

let serial = 0;

export function flowFrom(
  address: string,
  port: number,
  transport: 'udp' | 'tcp' | 'tls' = 'udp',
): RegistrarFlow & { closed: boolean } {
  return {
    transport,
    localAddress: '192.0.2.1',
    localPort: transport === 'tls' ? 5061 : 5060,
    remoteAddress: address,
    remotePort: port,
    listenerId: `${transport}-1`,
    key: transport === 'udp' ? `udp ${address} ${port}` : `${transport} ${++serial}`,
    closed: false,
    send() {},
  };
}

export interface RegisterFields {
  user?: string;
  to?: string;
  uri?: string;
  contacts?: readonly string[];
  expires?: number | string;
  callId?: string;
  cseq?: number;
  via?: readonly string[];
  headers?: readonly string[];
}

/** A REGISTER as it comes from the network. */
export function register(fields: RegisterFields = {}): SipRequest {
  const user = fields.user ?? 'bob';
  const contacts = fields.contacts ?? [`<sip:${user}@192.0.2.4>`];
  const via = fields.via ?? ['SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bKnashds7'];
  const lines = [
    `REGISTER ${fields.uri ?? `sip:${DOMAIN}`} SIP/2.0`,
    ...via.map((value) => `Via: ${value}`),
    `Max-Forwards: 70`,
    `From: <sip:${user}@${DOMAIN}>;tag=a73kszlfl`,
    `To: <${fields.to ?? `sip:${user}@${DOMAIN}`}>`,
    `Call-ID: ${fields.callId ?? '1j9FpLxk3uxtm8tn@192.0.2.4'}`,
    `CSeq: ${fields.cseq ?? 1} REGISTER`,
    ...contacts.map((value) => `Contact: ${value}`),
    ...(fields.expires === undefined ? [] : [`Expires: ${fields.expires}`]),
    ...(fields.headers ?? []),
    'Content-Length: 0',
  ];
  return parseMessage(`${lines.join('\r\n')}\r\n\r\n`) as SipRequest;
}

export const ACCOUNT: RegisterAccount = { aor: BOB, user: 'bob', secret: { password: 'zanzibar' } };

/** Answer of a registrar, read like a message. */
export interface Answer {
  readonly status: number;
  readonly contacts: string[];
  header(id: HeaderId): string | undefined;
  readonly response: SipResponse;
}

export function answerOf(status: number, reason: string, headers: HeaderList): Answer {
  const response = new SipResponse(status, reason);
  for (const [id, value] of headers) response.headers.add(id, value);
  return {
    status,
    response,
    contacts: response.headers.fieldValues(HeaderId.Contact),
    header: (id) => response.headers.value(id),
  };
}

/** A registrar on virtual time that writes down what it tells its listener. */
export function registrarWorld(options: Partial<RegistrarOptions<RegistrarFlow>> = {}) {
  const clock = new VirtualScheduler();
  const events: string[] = [];
  const registrar = new Registrar({
    scheduler: clock,
    isOwn: (host, port) => host === DOMAIN || (host === '203.0.113.7' && port === 5060),
    listener: {
      onRegistered: (binding, previous) =>
        events.push(`${previous === undefined ? 'new' : 'again'} ${binding.contactUri}`),
      onUnregistered: (binding, reason) => events.push(`${reason} ${binding.contactUri}`),
    },
    ...options,
  });
  let cseq = 0;
  /** Registers with the next CSeq. */
  const send = (
    fields: RegisterFields = {},
    flow: RegistrarFlow = flowFrom('192.0.2.4', 5060),
    account = ACCOUNT,
  ): Answer => {
    cseq++;
    const { status, reason, headers } = registrar.process(register({ cseq, ...fields }), flow, account);
    return answerOf(status, reason, headers);
  };
  const uris = (aor = BOB): string[] => registrar.bindings(aor).map((binding: Binding) => binding.contactUri);
  return { clock, registrar, events, send, uris };
}

/** A store whose bindings outlive a registrar. */
export class MemoryBindingStore implements BindingStore {
  readonly #byAor = new Map<string, readonly StoredBinding[]>();

  load(): Promise<Iterable<KeptBindings>> {
    return Promise.resolve(Array.from(this.#byAor, ([aor, bindings]) => ({ aor, bindings })));
  }

  write(changes: readonly BindingChange[]): Promise<void> {
    for (const { aor, bindings } of changes) {
      if (bindings.length === 0) this.#byAor.delete(aor);
      else this.#byAor.set(aor, bindings);
    }
    return Promise.resolve();
  }
}

/** Everything from the network's side: digest, accounts, handler. */
export function handlerWorld(accounts: Partial<AccountLookup> = {}) {
  const world = registrarWorld();
  const refused: RegisterRefused[] = [];
  /** What became of each transaction. */
  const done: string[] = [];
  const digest = new DigestServer({ clock: world.clock });
  const lookup: AccountLookup = {
    domainOf: (host) => (host === DOMAIN || host === 'other.example.com' ? host : undefined),
    find: (domain, username) => (domain === DOMAIN && username === 'bob' ? ACCOUNT : undefined),
    ...accounts,
  };
  const handler = new RegisterHandler({
    accounts: lookup,
    digest,
    registrar: world.registrar,
    isOwnHost: (host) => host === '192.0.2.1',
    onRefused: (refusal) => refused.push(refusal),
  });
  const send = (request: SipRequest, flow: RegistrarFlow = flowFrom('192.0.2.4', 5060)): Answer => {
    let answer: Answer | undefined;
    handler.handle({
      request,
      flow,
      admit: () => done.push('admitted'),
      reply: (status, reason = '', headers = []) => {
        done.push(String(status));
        answer = answerOf(status, reason, headers);
      },
    });
    if (answer === undefined) throw new Error('no answer');
    return answer;
  };
  /** Sends, answers one challenge, sends again. */
  const signIn = (fields: RegisterFields, client: DigestClient, flow?: RegistrarFlow): Answer => {
    const first = register({ cseq: 1, ...fields });
    const challenge = send(first, flow);
    if (challenge.status !== 401) return challenge;
    const answer = client.answer(challenge.response, first, 'registrar', 0);
    if (answer.kind !== 'retry') throw new Error(answer.reason);
    const second = register({ cseq: 2, ...fields });
    replaceAuthorization(second, answer.headers);
    return send(second, flow);
  };
  return { ...world, send, signIn, refused, handler, done };
}

export function phone(username = 'bob', password = 'zanzibar'): DigestClient {
  return new DigestClient({ username, secret: { password } });
}

/** Bindings as a store has them: a list of each address, or one of all of them. */
export function listed(bindings: readonly StoredBinding[], aor?: string): KeptBindings[] {
  if (aor !== undefined) {
    const others = bindings.filter((binding) => binding?.aor !== aor && binding?.aor !== undefined);
    return [...listed(others), { aor, bindings: bindings.filter((binding) => !others.includes(binding)) }];
  }
  const lists = Map.groupBy(bindings, (binding) => binding.aor);
  return Array.from(lists, ([each, list]) => ({ aor: each, bindings: list }));
}

/** All that a store has. */
export async function bindingsIn(store: BindingStore): Promise<StoredBinding[]> {
  return [...(await store.load())].flatMap(({ bindings = [] }) => bindings);
}
