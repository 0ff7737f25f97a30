/** A MESSAGE of a phone to somebody at WhatsApp: who may send, what it says, and how the phone is answered (RFC 3428 §7). */
import { defined } from '../base/defined.ts';
import type { Log } from '../base/log.ts';
import type { Clock } from '../base/scheduler.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { CloudApi } from './cloud-api.ts';
import { verdictOf } from './cloud-errors.ts';
import type { Keeper } from './keeper.ts';
import { type Content, idOf, isClosed, type Message, newMessage, type ReadMark, type ReportWish } from './message.ts';
import { heardAt, type WhatsappNumber, wayOf } from './numbers.ts';
import type { Outbound, Sent } from './outbound.ts';
import { ACCEPTED, readWritten, type Written } from './phone-content.ts';
import type { PhoneAnswer, PhoneMessage } from './ports.ts';

/** Phones wait 32 s for an answer (RFC 3261 §17.1.2); what takes longer is taken, and told of by report. */
const ANSWER_WITHIN_MS = 18_000;

export interface FromPhonesOptions {
  readonly keeper: Keeper;
  readonly api: CloudApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly directory: () => Directory;
  readonly outbound: Outbound;
  readonly isAtWork: (id: string) => Promise<void> | undefined;
  readonly work: (id: string, work: () => Promise<void>) => Promise<void>;
  /** Whether a tenant has no place for one more that is sent now. */
  readonly isFull: (tenant: string) => boolean;
  /** Takes up a place of a tenant for as long as a work takes. */
  readonly inPlace: <T>(tenant: string, work: Promise<T>) => Promise<T>;
  readonly onChange: (message: Message) => void;
  readonly poll: () => void;
}

export class FromPhones {
  readonly #options: FromPhonesOptions;

  constructor(options: FromPhonesOptions) {
    this.#options = options;
  }

  async send(message: PhoneMessage): Promise<PhoneAnswer> {
    const { clock, directory, keeper } = this.#options;
    const { tenant, sender, dialled } = message;
    const written = readWritten(message.contentType, message.body);
    if (written.kind === 'nothing') return { status: 200, headers: [] };
    if (written.kind === 'unsupported')
      return {
        status: 415,
        headers: [['Accept', ACCEPTED], warning(`${written.contentType} cannot be sent by WhatsApp`)],
      };
    if (written.kind === 'too-long') return { status: 413, headers: [warning('a text has at most 4096 characters')] };
    let trunk: string | undefined;
    try {
      if (written.kind === 'report') return await this.#report(message, written.report);
      const heard = await heardAt(directory(), tenant, dialled, (trunkId, peer) => keeper.heard(trunkId, peer));
      const way = wayOf(directory(), { tenant, sender, dialled, wallMs: clock.wallMs(), heardAt: heard });
      if (way.kind === 'none') return { status: way.status, headers: [warning(way.warning)] };
      trunk = way.number.trunk.name;
      return await this.#sendBy(way.number, way.peer, message, written);
    } catch (error) {
      // Nothing was kept, so nothing is promised.
      this.#options.log.error('messages-not-stored', { trunk, error: String(error) });
      return { status: 503, headers: [['Retry-After', '5']] };
    }
  }

  async #sendBy(
    number: WhatsappNumber,
    peer: string,
    message: PhoneMessage,
    written: Extract<Written, { kind: 'content' | 'file' }>,
  ): Promise<PhoneAnswer> {
    const { keeper, outbound, isAtWork, work, isFull, inPlace, poll, onChange } = this.#options;
    const { name } = message.tenant;
    const id = idOf('phone', message.tenant.name, message.sender, message.callId, String(message.cseq));
    const before = await keeper.get(id);
    // A copy, from before a restart or on another way: the first one's answer.
    if (before === undefined) {
      const isLater = isFull(name);
      if (isLater && written.kind === 'file')
        return { status: 503, headers: [warning('too many messages are being sent'), ...retryAfter(503, 5_000)] };
      const keep = async () => {
        const content = await this.#contentOf(number, written);
        if ('status' in content) return content;
        const kept = this.#kept(id, number, peer, message, content, written.wish);
        if (await keeper.add(kept, !isLater)) onChange(kept);
        return undefined;
      };
      const refusal = await inPlace(name, keep());
      if (refusal !== undefined) return refusal;
      if (isLater) {
        poll();
        return answerOf({ kind: 'waits' });
      }
    } else if (!isClosed(before) && isAtWork(id) === undefined && isFull(name)) return answerOf({ kind: 'waits' });
    let sent: Sent = { kind: 'waits' };
    const working =
      isAtWork(id) ??
      inPlace(
        name,
        work(id, async () => {
          const now = await keeper.get(id);
          if (now?.kind === 'message') sent = await outbound.send(now, true);
        }),
      );
    await Promise.race([working, new Promise((resolve) => setTimeout(resolve, ANSWER_WITHIN_MS).unref())]);
    if (sent.kind === 'waits') {
      const now = await keeper.get(id);
      if (now?.kind === 'message' && now.remoteId !== undefined) sent = { kind: 'sent', message: now };
    }
    return answerOf(sent);
  }

  /** A file that came along is taken by the Cloud API first; what then is sent names it. */
  async #contentOf(
    { settings, tenant }: WhatsappNumber,
    written: Extract<Written, { kind: 'content' | 'file' }>,
  ): Promise<Content | PhoneAnswer> {
    if (written.kind === 'content') return written.content;
    const { keeper, api } = this.#options;
    const { media, mimeType, body } = written;
    keeper.requireRoom(tenant.name);
    try {
      const uploaded = await api.upload(settings, mimeType, Buffer.from(body, 'latin1'));
      if (typeof uploaded === 'string') return { type: 'media', kind: media, mediaId: uploaded, mimeType };
      const verdict = verdictOf(uploaded);
      const status = verdict.kind === 'token' ? 503 : verdict.status;
      return { status, headers: [warning(uploaded.message), ...retryAfter(status, 5_000)] };
    } catch (error) {
      return { status: 503, headers: [warning(String(error)), ...retryAfter(503, 5_000)] };
    }
  }

  #kept(
    id: string,
    number: WhatsappNumber,
    peer: string,
    message: PhoneMessage,
    content: Content,
    wish: ReportWish | undefined,
  ): Message {
    // A phone that matches reports by Call-ID asks for none; those that do not know them refuse them, which costs nothing.
    const plain =
      number.settings.reports === 'always'
        ? { messageId: message.callId, cpim: false, delivery: true, display: true }
        : undefined;
    return newMessage(number, this.#options.clock.wallMs(), {
      id,
      direction: 'outbound',
      peer,
      extension: message.sender,
      content,
      state: 'queued',
      recipients: [],
      ...defined({ wish: wish ?? plain }),
    });
  }

  /** A phone tells that its person has read a message: WhatsApp is told, once. */
  async #report(
    { tenant, sender }: PhoneMessage,
    { messageId, outcome }: { messageId: string; outcome: string },
  ): Promise<PhoneAnswer> {
    const { keeper, clock, poll } = this.#options;
    const kept = await keeper.get(messageId);
    const isTheirs =
      kept?.kind === 'message' &&
      kept.direction === 'inbound' &&
      kept.tenant === tenant.name &&
      kept.recipients.some(({ number }) => number === sender);
    if (!isTheirs || outcome !== 'displayed' || kept.remoteId === undefined) return { status: 200, headers: [] };
    const nowMs = Math.trunc(clock.wallMs());
    const mark: ReadMark = {
      kind: 'read-mark',
      id: idOf('read', kept.id),
      tenant: tenant.name,
      trunkId: kept.trunkId,
      createdMs: nowMs,
      expiresMs: kept.expiresMs,
      attempts: 0,
      revision: 1,
      remoteId: kept.remoteId,
    };
    // Where the second write failed the phone was answered 503, and tells it again.
    await keeper.add(mark, false);
    const marked = await keeper.update<Message>(kept.id, false, (now) =>
      now.readMs === undefined ? { ...now, readMs: nowMs } : undefined,
    );
    if (marked !== undefined) poll();
    return { status: 200, headers: [] };
  }
}

function answerOf(sent: Sent): PhoneAnswer {
  switch (sent.kind) {
    case 'sent':
      return { status: 202, headers: [['X-WA-Message-Id', sent.message.remoteId ?? '']] };
    case 'waits':
      return { status: 202, headers: [] };
    case 'refused': {
      const { status, reason, warning: text, retryAfterMs } = sent;
      return { status, reason, headers: [warning(text), ...retryAfter(status, retryAfterMs)] };
    }
  }
}

function retryAfter(status: number, afterMs: number | undefined): [string, string][] {
  return status === 503 ? [['Retry-After', String(Math.max(1, Math.ceil((afterMs ?? 5_000) / 1000)))]] : [];
}

/** RFC 3261 §20.43: 399 is a warning for people. */
function warning(text: string): [string, string] {
  const safe = text
    .replace(/[^\x20-\x7e]/g, ' ')
    .replace(/["\\]/g, "'")
    .slice(0, 200);
  return ['Warning', `399 tandem "${safe}"`];
}
