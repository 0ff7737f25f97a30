/** What Meta posts: verified, read, and each fact of it taken once, in whatever order and however often it comes. */
import { FailureCounter } from '../base/failure-counter.ts';
import { inSlices } from '../base/steps.ts';
import type { Inbound, InboundOptions } from './inbound.ts';
import { idOf, type Kept, type Message, type Report, withStatus } from './message.ts';
import { type WhatsappNumber, whatsappNumber } from './numbers.ts';
import type { MessageWatcher, NotificationOutcome } from './ports.ts';
import { type Fact, factsOf, isSameText, isSigned, MAX_FACTS, type StatusFact } from './webhook.ts';

/** Meta waits for the answer. */
const PATIENCE_MS = 1000;
/** Of one tenant. */
const MOST_UNDER_WAY = 2 * MAX_FACTS;
/** Of one tenant, a thousand a second: what Meta lets a number send and get at most. Of what is posted each KiB counts as one. */
const MOST_A_MINUTE = 60_000;

export interface NotificationsOptions
  extends Pick<InboundOptions, 'keeper' | 'clock' | 'log' | 'directory' | 'numberOf' | 'onChange'> {
  readonly inbound: Pick<Inbound, 'take'>;
  readonly watcher: MessageWatcher;
  /** Begins to work on what is kept. */
  readonly take: (kept: Kept) => void;
}

export class Notifications {
  readonly #options: NotificationsOptions;
  /** Facts that are being stored, by tenant. */
  readonly #underWay = new Map<string, number>();
  /** Facts that were read, by tenant: whoever has the app's secret writes them, and each takes the store's time. */
  readonly #ofMinute: FailureCounter;

  constructor(options: NotificationsOptions) {
    this.#options = options;
    this.#ofMinute = new FailureCounter(options.clock, { failures: MOST_A_MINUTE, windowMs: 60_000 });
  }

  /** The answer to Meta when it is given the webhook's address: the challenge, or undefined when the token is not ours. */
  verify(trunkId: string, token: string): boolean {
    const number = this.#options.numberOf(trunkId);
    const isRight = isSameText(token, number?.settings.verifyToken ?? '');
    return number !== undefined && isRight;
  }

  /** Whether what is posted for a trunk would be taken; undefined: there is no such trunk. */
  async notified(
    trunkId: string,
    body: Uint8Array,
    signature: string | undefined,
  ): Promise<NotificationOutcome | undefined> {
    const number = this.#options.numberOf(trunkId);
    if (number === undefined) {
      // It takes as long as for one that there is.
      isSigned(body, signature, '');
      return undefined;
    }
    const outcome = await this.#notified(number, body, signature);
    if (outcome !== 'taken') this.#options.watcher.onNotification(trunkId, outcome);
    return outcome;
  }

  async #notified(
    number: WhatsappNumber,
    body: Uint8Array,
    signature: string | undefined,
  ): Promise<NotificationOutcome> {
    if (!isSigned(body, signature, number.settings.appSecret)) return 'wrong-signature';
    const { tenant, trunk } = number;
    if (this.#ofMinute.isBlocked(tenant.name)) return 'not-stored';
    const said = factsOf(body);
    const facts = said === undefined ? 0 : said.facts.length + said.unknown;
    this.#ofMinute.count(tenant.name, Math.max(facts, body.length / 1024));
    if (said === undefined) return 'unknown';
    for (let at = 0; at < said.unknown; at++) this.#options.watcher.onNotification(number.trunk.id, 'unknown');
    const before = this.#underWay.get(tenant.name) ?? 0;
    if (before + said.facts.length > MOST_UNDER_WAY) return 'not-stored';
    this.#underWay.set(tenant.name, before + said.facts.length);
    const failed = await this.#all(number, said.facts);
    const left = (this.#underWay.get(tenant.name) ?? 0) - said.facts.length;
    if (left > 0) this.#underWay.set(tenant.name, left);
    else this.#underWay.delete(tenant.name);
    if (failed === undefined) return 'taken';
    // Meta posts it again.
    this.#options.log.error('messages-not-stored', { trunk: trunk.name, error: String(failed.error) });
    return 'not-stored';
  }

  /** Takes each of them; answers how one of them failed. */
  async #all(number: WhatsappNumber, facts: readonly Fact[]): Promise<{ readonly error: unknown } | undefined> {
    const outcomes: Promise<{ readonly error: unknown } | undefined>[] = [];
    const begin = function* (this: Notifications) {
      for (const fact of inOrder(facts)) {
        outcomes.push(
          this.#fact(number, fact).then(
            () => undefined,
            (error: unknown) => ({ error }),
          ),
        );
        yield;
      }
    };
    await inSlices(begin.call(this), PATIENCE_MS);
    return (await Promise.all(outcomes)).find((outcome) => outcome !== undefined);
  }

  async #fact(posted: WhatsappNumber, fact: Fact): Promise<void> {
    const { watcher } = this.#options;
    const number = this.#numberOf(posted, fact);
    if (number === undefined) {
      watcher.onNotification(posted.trunk.id, 'unknown');
      return;
    }
    const isNew = fact.kind === 'message' ? await this.#message(number, fact) : await this.#status(number, fact);
    watcher.onNotification(number.trunk.id, isNew ? 'taken' : 'duplicate');
  }

  /** One app posts for all numbers of its account: the trunk of that number is looked for among the same tenant's. */
  #numberOf(posted: WhatsappNumber, { phoneNumberId, accountId }: Fact): WhatsappNumber | undefined {
    const isIt = ({ settings, tenant }: WhatsappNumber) =>
      settings.phoneNumberId === phoneNumberId &&
      settings.accountId === accountId &&
      tenant.name === posted.tenant.name;
    if (isIt(posted)) return posted;
    const directory = this.#options.directory();
    for (const { id } of directory.trunksOf(posted.tenant.name)) {
      const number = whatsappNumber(directory, id);
      if (number !== undefined && isIt(number)) return number;
    }
    return undefined;
  }

  async #message(number: WhatsappNumber, fact: Extract<Fact, { kind: 'message' }>): Promise<boolean> {
    const message = await this.#options.inbound.take(number, fact);
    if (message === undefined) return false;
    this.#options.onChange(message);
    if (message.recipients.length > 0) this.#options.take(message);
    return true;
  }

  async #status(number: WhatsappNumber, fact: StatusFact): Promise<boolean> {
    const { id: trunkId } = number.trunk;
    const named = fact.reference === undefined ? undefined : await this.#options.keeper.get(fact.reference);
    const kept = named ?? (await this.#options.keeper.byRemoteId(trunkId, fact.remoteId));
    if (kept?.kind !== 'message' || kept.trunkId !== trunkId || kept.tenant !== number.tenant.name) return false;
    if (kept.direction !== 'outbound') return false;
    let before: Message = kept;
    const changed = await this.#options.keeper.update<Message>(kept.id, false, (message) => {
      before = message;
      return withStatus(message, fact.status, fact.remoteId);
    });
    if (changed === undefined) return false;
    if (changed.state !== before.state) this.#options.onChange(changed);
    await this.#report(changed, fact);
    return true;
  }

  /** Tells the phone that sent it, where it asked for that. */
  async #report(message: Message, { status }: StatusFact): Promise<void> {
    const { wish, extension, id, tenant, trunkId, number, peer, expiresMs } = message;
    if (wish === undefined || extension === undefined || status.state === 'sent') return;
    const outcome = status.state === 'read' ? 'displayed' : status.state;
    if (outcome === 'displayed' ? !wish.display : !wish.delivery) return;
    const report: Report = {
      kind: 'report',
      id: idOf('report', id, outcome),
      tenant,
      trunkId,
      createdMs: Math.trunc(this.#options.clock.wallMs()),
      expiresMs,
      attempts: 0,
      revision: 1,
      number,
      peer,
      recipients: [{ number: extension, state: 'waiting' }],
      wish,
      outcome,
    };
    if (await this.#options.keeper.add(report, true)) this.#options.take(report);
  }
}

/** As they were written, as far as the notification tells. */
function inOrder(facts: readonly Fact[]): readonly Fact[] {
  const time = (fact: Fact) => (fact.kind === 'message' ? fact.atMs : fact.status.atMs);
  return facts.length < 2 ? facts : [...facts].sort((a, b) => time(a) - time(b));
}
