import { expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { calledNumbersOf } from '../../src/engine/explain/inbound-view.ts';
import { Precedence } from '../../src/provisioning/directory/precedence.ts';
import type { ClientTransaction, ClientTransactionUser } from '../../src/sip/endpoint/index.ts';
import { HeaderId, type SipRequest, SipResponse } from '../../src/sip/message/index.ts';
import type { Flow, Target } from '../../src/sip/transport/index.ts';
import type { TrunkEndpoint } from '../../src/trunks/exchange.ts';
import { Identification } from '../../src/trunks/identification.ts';
import { TrunkService } from '../../src/trunks/trunk-service.ts';
import { seededRandom } from '../kit/simulated-link.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { directoryOf, FakeLocator, registerTrunk } from './provider.ts';

const TRUNKS = 1000;
const DAY_MS = 24 * 3_600_000;
const GRANTED_SECONDS = 1800;

/**
 * A registrar that keeps bindings and looks for lapses, in place of an endpoint: what it answers comes back after 50 ms. A nonce is
 * good for an hour, so that a share of the REGISTERs is challenged.
 */
class Registrar implements TrunkEndpoint {
  readonly #scheduler: VirtualScheduler;
  readonly #expiresAtMs = new Map<string, number>();
  readonly perSecond = new Map<number, number>();
  messages = 0;
  lapses = 0;
  isSilent = false;

  constructor(scheduler: VirtualScheduler) {
    this.#scheduler = scheduler;
  }

  get registered(): number {
    const nowMs = this.#scheduler.nowMs();
    return [...this.#expiresAtMs.values()].filter((untilMs) => untilMs > nowMs).length;
  }

  advertised(): { host: string; port: number } {
    return { host: '192.0.2.1', port: 5060 };
  }

  onFault(error: unknown): void {
    throw error;
  }

  sendRequest(request: SipRequest, _to: Flow | Target, user: ClientTransactionUser): ClientTransaction {
    const transaction = {
      request,
      flow: { reliable: false, key: 'udp', closed: false },
    } as unknown as ClientTransaction;
    const second = Math.floor(this.#scheduler.nowMs() / 1000);
    this.messages++;
    this.perSecond.set(second, (this.perSecond.get(second) ?? 0) + 1);
    if (this.isSilent) this.#scheduler.after(32_000, () => user.onTimeout(transaction));
    else this.#scheduler.after(50, () => user.onResponse(this.#answer(request), transaction));
    return transaction;
  }

  #answer(request: SipRequest): SipResponse {
    const hour = String(Math.floor(this.#scheduler.nowMs() / 3_600_000));
    if (request.headers.value(HeaderId.Authorization)?.includes(`nonce="${hour}"`) !== true) {
      const challenge = new SipResponse(401, 'Unauthorized');
      const stale = request.headers.has(HeaderId.Authorization) ? ', stale=true' : '';
      challenge.headers.add(HeaderId.WwwAuthenticate, `Digest realm="carrier", nonce="${hour}", qop="auth"${stale}`);
      return challenge;
    }
    const user = request.headers.value(HeaderId.To) ?? '';
    const nowMs = this.#scheduler.nowMs();
    const before = this.#expiresAtMs.get(user);
    if (before !== undefined && before <= nowMs) this.lapses++;
    this.#expiresAtMs.set(user, nowMs + GRANTED_SECONDS * 1000);
    const response = new SipResponse(200, 'OK');
    response.headers.add(HeaderId.Contact, `${request.headers.value(HeaderId.Contact)};expires=${GRANTED_SECONDS}`);
    return response;
  }
}

function world() {
  const scheduler = new VirtualScheduler();
  const registrar = new Registrar(scheduler);
  const trunks = Array.from({ length: TRUNKS }, (_, index) =>
    registerTrunk({
      name: `t${index}`,
      credentials: { username: `u${index}`, password: 'p', registerSeconds: GRANTED_SECONDS },
    }),
  );
  const changes: string[] = [];
  const directory = directoryOf(trunks);
  const service = new TrunkService({
    scheduler,
    log: silentLog,
    endpoint: registrar,
    locator: new FakeLocator(),
    directory,
    gatewayReach: () => [],
    identification: new Identification(directory, calledNumbersOf, new Precedence(scheduler)),
    userAgent: 'tandem/test',
    random: seededRandom(3),
    listener: { onTrunkState: (_trunk, { state }) => changes.push(state) },
  });
  return { scheduler, registrar, service, changes };
}

const busiest = ({ perSecond }: Registrar) => Math.max(...perSecond.values());

test('a day of 1,000 registrations at one provider: no lapse, and never more than 55 messages in a second', {
  timeout: 120_000,
}, () => {
  const { scheduler, registrar, service, changes } = world();
  service.start();
  scheduler.advance(60_000);
  expect(registrar.registered).toBe(TRUNKS);
  changes.length = 0;
  scheduler.advance(DAY_MS);
  expect(registrar.lapses).toBe(0);
  expect(registrar.registered).toBe(TRUNKS);
  expect(changes).toEqual([]);
  expect(busiest(registrar)).toBeLessThanOrEqual(55);
  // A refresh every 1,681 to 1,770 s, and one challenge per trunk and hour.
  const refreshes = (TRUNKS * DAY_MS) / 1000;
  expect(registrar.messages).toBeGreaterThan(refreshes / 1770);
  expect(registrar.messages).toBeLessThan(refreshes / 1681 + TRUNKS * 28);
});

test('a provider that dies for over an hour is asked seldom meanwhile, and all 1,000 come back without a storm', {
  timeout: 120_000,
}, () => {
  const { scheduler, registrar, service } = world();
  service.start();
  scheduler.advance(60_000);
  registrar.isSilent = true;
  scheduler.advance(2_100_000);
  const before = registrar.messages;
  scheduler.advance(2_400_000);
  // Two turns at a time, each of 32 s (eleven packets over UDP): less than one packet a second for all trunks together.
  expect(registrar.messages - before).toBeLessThanOrEqual(2 * (2400 / 32 + 1));
  registrar.isSilent = false;
  registrar.perSecond.clear();
  scheduler.advance(3_600_000);
  expect(registrar.registered).toBe(TRUNKS);
  expect(busiest(registrar)).toBeLessThanOrEqual(55);
});
