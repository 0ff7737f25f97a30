/** What users write, on its way to phones: kept before Meta is told that it was taken, and until each phone that it is for has it. */
import { defined } from '../base/defined.ts';
import { Latest } from '../base/latest.ts';
import type { Log } from '../base/log.ts';
import type { Clock } from '../base/scheduler.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import { Chains } from './chains.ts';
import { formatReport } from './imdn.ts';
import { heardKey, type Keeper } from './keeper.ts';
import { idOf, isAwaited, type Message, newMessage, type Recipient, type Report } from './message.ts';
import type { WhatsappNumber } from './numbers.ts';
import { contentForPhone, octets, type PhoneContent } from './phone-content.ts';
import type { PhoneDraft, Phones } from './ports.ts';
import { recipientsOf } from './recipients.ts';
import { shownUser } from './user.ts';
import type { InboundFact } from './webhook.ts';

/** A phone that is registered and does not answer is tried again: soon, then less often. */
const FIRST_RETRY_MS = 15_000;
const MAX_RETRY_MS = 600_000;
const SILENT_MS = 10_000;
/** One that is away tells of itself when it registers; this is for what is missed between nodes. */
const MAX_AWAY_MS = 3_600_000;
const MOST_SILENT = 10_000;

type Tried = Recipient['state'] | 'away';

export interface InboundOptions {
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly log: Log;
  readonly phones: Phones;
  readonly directory: () => Directory;
  readonly numberOf: (trunkId: string) => WhatsappNumber | undefined;
  readonly onChange: (message: Message) => void;
  /** Where a phone fetches a file; undefined: nowhere. */
  readonly link: (trunkId: string, mediaId: string) => string | undefined;
}

export class Inbound {
  readonly #options: InboundOptions;
  readonly #chains = new Chains();
  /** Phones that have just not answered: what else waits for them is not tried one by one. */
  readonly #silentUntilMs = new Latest<string, number>(MOST_SILENT);
  /** Deliveries under way, by phone, and when the phone has registered last since the first of them began. */
  readonly #underWay = new Map<string, { deliveries: number; thereSinceMs: number }>();

  constructor(options: InboundOptions) {
    this.#options = options;
  }

  /** Keeps a message; undefined: it was here before. Resolves when it is safe; what is to be delivered is for {@link deliver}. */
  async take(number: WhatsappNumber, fact: InboundFact): Promise<Message | undefined> {
    const { keeper, clock } = this.#options;
    const message = this.#messageOf(number, fact);
    // The time is the sender's, by Meta's clock; one in the future opens no longer window.
    const heardMs = Math.min(fact.atMs === 0 ? clock.wallMs() : fact.atMs, clock.wallMs());
    // Whoever hides its number later, or shows it, is heard under either.
    const names = new Set([fact.from, fact.userId ?? fact.from]);
    const heard = [...names].map((name) => ({ key: heardKey(number.trunk.id, name), atMs: Math.trunc(heardMs) }));
    return (await keeper.add(message, true, heard)) ? message : undefined;
  }

  /** Brings it, or a report, to the phones that wait for it, of one number or of all. Never rejects for a phone's sake. */
  async deliver(kept: Message | Report): Promise<void> {
    const { clock, keeper } = this.#options;
    const isOver = clock.wallMs() >= kept.expiresMs;
    const begunMs = clock.nowMs();
    const waiting = kept.recipients.filter(({ state }) => state === 'waiting');
    for (const { number } of waiting) this.#watch(`${kept.tenant}/${number}`);
    const outcomes = await Promise.all(
      waiting.map(async ({ number }): Promise<{ number: string; state: Tried }> => {
        if (isOver) return { number, state: 'expired' };
        const state = await this.#chains.run(`${kept.tenant}/${number}`, () => this.#unlessSilent(kept, number));
        return { number, state };
      }),
    );
    const changed = await keeper
      .update<Message | Report>(kept.id, false, (now) => {
        const recipients = now.recipients.map((before): Recipient => {
          const state = outcomes.find(({ number }) => number === before.number)?.state;
          return before.state !== 'waiting' || state === undefined || state === 'away' ? before : { ...before, state };
        });
        const hasMissed = outcomes.some(
          (each) => isUnsettled(each.state) && this.#cameSince(kept.tenant, each.number, begunMs),
        );
        const retryMs = clock.wallMs() + (hasMissed ? 0 : retryAfterMs(outcomes, now.attempts));
        const next = { ...now, recipients, attempts: now.attempts + 1, retryMs };
        return next.kind === 'message' ? settled(next, clock.wallMs()) : next;
      })
      .finally(() => {
        for (const { number } of waiting) this.#unwatch(`${kept.tenant}/${number}`);
      });
    if (changed?.kind === 'message' && changed.state !== 'received') this.#options.onChange(changed);
  }

  async #unlessSilent(kept: Message | Report, number: string): Promise<Tried> {
    const { clock } = this.#options;
    const key = `${kept.tenant}/${number}`;
    if ((this.#silentUntilMs.get(key) ?? 0) > clock.nowMs()) return 'waiting';
    this.#silentUntilMs.delete(key);
    const state = await this.#toPhones(kept, number);
    if (state === 'waiting') this.#silentUntilMs.set(key, clock.nowMs() + SILENT_MS);
    return state;
  }

  /** The phone has registered: it is there again. */
  isThere(tenant: string, number: string): void {
    const key = `${tenant}/${number}`;
    this.#silentUntilMs.delete(key);
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) underWay.thereSinceMs = this.#options.clock.nowMs();
  }

  #watch(key: string): void {
    const underWay = this.#underWay.get(key) ?? { deliveries: 0, thereSinceMs: Number.NEGATIVE_INFINITY };
    underWay.deliveries++;
    this.#underWay.set(key, underWay);
  }

  #unwatch(key: string): void {
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined && --underWay.deliveries === 0) this.#underWay.delete(key);
  }

  /** A phone that has registered while it was tried where it had been: it is not made to wait for that. */
  #cameSince(tenant: string, number: string, begunMs: number): boolean {
    return (this.#underWay.get(`${tenant}/${number}`)?.thereSinceMs ?? Number.NEGATIVE_INFINITY) >= begunMs;
  }

  async #toPhones(kept: Message | Report, number: string): Promise<Tried> {
    const { directory, phones, log } = this.#options;
    const tenant = directory().tenantByName(kept.tenant);
    const member = tenant === undefined ? undefined : directory().member(tenant.name, number);
    if (tenant === undefined || member?.enabled !== true) return 'refused';
    const host = `whatsapp.${tenant.domain}`;
    const user = shownUser(kept.peer);
    const draft = {
      tenant,
      number,
      from: { name: kept.kind === 'message' ? octets(kept.peerName ?? '') : '', user, host },
      ...this.#addressed(kept, number, tenant.domain),
      callId: kept.id,
    };
    for (const content of this.#forms(kept, `sip:${user}@${host}`, `sip:${number}@${tenant.domain}`)) {
      const outcome = await phones.deliver({ ...draft, ...content });
      if (outcome.kind === 'away') return 'away';
      const { status } = outcome;
      if (status < 300) return 'delivered';
      if (isTemporary(status)) return 'waiting';
      // 415: the next form may please.
      if (status === 415 || status === 488 || status === 606) continue;
      log.info('message-refused', { message: kept.id, tenant: tenant.name, number, status });
      return 'refused';
    }
    log.info('message-refused', { message: kept.id, tenant: tenant.name, number, status: 415 });
    return 'refused';
  }

  /**
   * A report is for who wrote (RFC 5438 §8.1). A message is for the business's number; phones that keep conversations by both addresses, as
   * linphone does, find neither their own words nor their account in one that is not addressed to themselves.
   */
  #addressed(kept: Message | Report, number: string, domain: string): Pick<PhoneDraft, 'to' | 'headers'> {
    const own = { user: number, host: domain };
    if (kept.kind === 'report') return { to: own, headers: [] };
    const called = { user: `+${kept.number}`, host: domain };
    if (this.#options.numberOf(kept.trunkId)?.settings.reports !== 'always')
      return { to: called, headers: headersOf(kept) };
    return { to: own, headers: [...headersOf(kept), ['P-Called-Party-ID', `<sip:${called.user}@${domain}>`]] };
  }

  #forms(kept: Message | Report, from: string, to: string): readonly PhoneContent[] {
    if (kept.kind === 'report') return [formatReport(kept, from, to)];
    return contentForPhone(kept.content, (mediaId) => this.#options.link(kept.trunkId, mediaId));
  }

  #messageOf(whatsapp: WhatsappNumber, fact: InboundFact): Message {
    const { clock, directory } = this.#options;
    const nowMs = Math.trunc(clock.wallMs());
    const { numbers, rule } = recipientsOf(directory(), whatsapp, fact, nowMs);
    const recipients = numbers.map((each) => ({ number: each, state: 'waiting' as const }));
    const { remoteId, from: peer, name: peerName, content, contextId, atMs } = fact;
    return newMessage(whatsapp, nowMs, {
      id: idOf('inbound', whatsapp.trunk.id, remoteId),
      direction: 'inbound',
      peer,
      content,
      state: 'received',
      remoteId,
      recipients,
      ...defined({ peerName, contextId, rule, sentMs: atMs === 0 ? undefined : atMs }),
    });
  }
}

function isUnsettled(state: Tried): boolean {
  return state === 'waiting' || state === 'away';
}

function retryAfterMs(outcomes: readonly { readonly state: Tried }[], attempts: number): number {
  if (outcomes.some(({ state }) => state === 'waiting'))
    return Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts, 10), MAX_RETRY_MS);
  return Math.min(FIRST_RETRY_MS * 4 ** Math.min(attempts, 10), MAX_AWAY_MS);
}

function settled(message: Message, nowMs: number): Message {
  if (isAwaited(message.recipients)) return message;
  const has = (state: Recipient['state']) => message.recipients.some((each) => each.state === state);
  if (has('delivered')) return { ...message, state: 'delivered', deliveredMs: message.deliveredMs ?? nowMs };
  return { ...message, state: has('expired') ? 'expired' : 'failed' };
}

function headersOf(message: Message): [string, string][] {
  const { remoteId = '', sentMs, contextId } = message;
  return [
    ['X-WA-Message-Id', remoteId],
    ...(sentMs === undefined ? [] : [['X-WA-Timestamp', String(Math.trunc(sentMs / 1000))] as [string, string]]),
    ...(contextId === undefined ? [] : [['X-WA-Context-Id', contextId] as [string, string]]),
  ];
}

function isTemporary(status: number): boolean {
  // RFC 3261 §21.6: nobody else of whom is called will take it either; busy is not for ever.
  if (status >= 600) return status === 600;
  return status === 408 || status === 430 || status === 480 || status === 486 || status === 491 || status >= 500;
}
