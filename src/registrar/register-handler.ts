import { PeerError } from '../base/errors.ts';
import type { DigestRefusal, DigestRefused, DigestServer } from '../sip/auth/index.ts';
import type { SipRequest } from '../sip/message/index.ts';
import { addressee, requestedHost } from './aor.ts';
import type { AccountLookup, RegisterAccount, RegisterTransaction, RegistrarFlow } from './ports.ts';
import { checkRequired, type RegisterAnswer, refuse } from './register-request.ts';
import type { Registrar } from './registrar.ts';

/**
 * A REGISTER from the network: the steps of RFC 3261 §10.3 in their order. Domain (404), extensions (420), who is it (401), may it
 * (403), then the registrar. Nothing before the 401 depends on whether a user exists.
 */
export interface RegisterHandlerOptions<Flow extends RegistrarFlow> {
  readonly accounts: AccountLookup;
  readonly digest: DigestServer;
  readonly registrar: Registrar<Flow>;
  /** True for a host in the Request-URI that is the engine itself, since phones may register by its address, whoever's that is by default. */
  readonly isOwnHost: (host: string) => boolean;
  /** Where a request came from; default: the other end of its flow. */
  readonly sourceOf?: (request: SipRequest, flow: Flow) => string;
  readonly onRefused?: (refusal: RegisterRefused) => void;
}

/** A refusal, for logs and metrics. A challenge to who came without credentials is none. */
export interface RegisterRefused {
  readonly status: number;
  readonly reason: string;
  readonly domain: string | undefined;
  /** Of To, as written; empty when there is none. */
  readonly host: string;
  /** Why digest said no; never told to the peer. */
  readonly digest?: DigestRefusal;
  /** As claimed, not proven. */
  readonly username?: string;
  /** The `uri` of the credentials, when it is what was wrong. */
  readonly uri?: string;
  readonly sourceAddress: string;
}

export class RegisterHandler<Flow extends RegistrarFlow = RegistrarFlow> {
  readonly #options: RegisterHandlerOptions<Flow>;

  constructor(options: RegisterHandlerOptions<Flow>) {
    this.#options = options;
  }

  /** Answers a REGISTER, always at once. */
  handle(transaction: RegisterTransaction<Flow>): void {
    const { status, reason, headers } = this.#outcome(transaction);
    transaction.reply(status, reason, headers);
  }

  #outcome(transaction: RegisterTransaction<Flow>): RegisterAnswer {
    try {
      return this.#decide(transaction);
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      return this.#refuse(transaction.flow.remoteAddress, undefined, refuse(error.status, 'Bad Request'));
    }
  }

  #decide(transaction: RegisterTransaction<Flow>): RegisterAnswer {
    const { request, flow } = transaction;
    const source = this.#options.sourceOf?.(request, flow) ?? flow.remoteAddress;
    const { registrar } = this.#options;
    const to = addressee(request);
    const domain = to === undefined ? undefined : this.#domainOf(request, to.host);
    // §10.3 steps 1 and 5.
    if (to === undefined || domain === undefined)
      return this.#refuse(source, domain, refuse(404, 'Not Found'), { host: to?.host ?? '' });
    // §10.3 step 2.
    const unsupported = checkRequired(request);
    if (unsupported !== undefined) return this.#refuse(source, domain, unsupported);
    // §10.3 step 3.
    const account = this.#authenticate(request, source, domain, to.user);
    if ('status' in account) return account;
    transaction.admit();
    // §10.3 step 4.
    const isOwn = account.user === undefined || account.user === to.user;
    const outcome = isOwn ? registrar.process(request, flow, account) : refuse(403, 'Not Your Address');
    return outcome.status < 300 ? outcome : this.#refuse(source, domain, outcome, { username: to.user });
  }

  /**
   * The domain of To, unless the Request-URI is of another one that is served. DEVIATION from §10.3 step 1: phones with a field for the registrar, or
   * for the server, write its name there, of which nobody has told us that it is this one; they have come here by it.
   */
  #domainOf(request: SipRequest, toHost: string): string | undefined {
    const { accounts, isOwnHost } = this.#options;
    const domain = accounts.domainOf(toHost);
    if (domain === undefined) return undefined;
    const requested = requestedHost(request);
    if (requested === undefined || requested === toHost) return requested && domain;
    const other = accounts.domainOf(requested);
    return other === undefined || other === domain || isOwnHost(requested) ? domain : undefined;
  }

  /** Whose it is, or what is said to whoever it may be. */
  #authenticate(request: SipRequest, source: string, domain: string, toUser: string): RegisterAccount | RegisterAnswer {
    const { accounts, digest } = this.#options;
    const trusted = accounts.trusted?.(domain, toUser, source);
    if (trusted !== undefined) return trusted;
    const verdict = digest.verify(request, 'user', domain, source, (username) => accounts.find(domain, username));
    if (verdict.outcome === 'accepted') return verdict.account;
    const { status, reasonPhrase: reason, headers } = verdict;
    const answer = { status, reason, headers };
    // The first REGISTER of every phone comes without credentials; that is no refusal.
    return verdict.reason === 'no-credentials' ? answer : this.#refuse(source, domain, answer, factsOf(verdict));
  }

  #refuse(
    sourceAddress: string,
    domain: string | undefined,
    outcome: RegisterAnswer,
    facts: Partial<Pick<RegisterRefused, 'digest' | 'username' | 'uri' | 'host'>> = {},
  ): RegisterAnswer {
    const { status, reason } = outcome;
    this.#options.onRefused?.({
      status,
      reason,
      domain,
      host: domain ?? '',
      sourceAddress,
      ...facts,
    });
    return outcome;
  }
}

function factsOf({ reason, username, uri }: DigestRefused): Partial<RegisterRefused> {
  return {
    digest: reason,
    ...(username === undefined ? {} : { username }),
    ...(uri === undefined ? {} : { uri }),
  };
}
