/**
 * Registrations and calls as they are listed. There may be 100,000 of them, of which a page shows 50: each says what it is asked for, and
 * renders its texts and times when it is shown.
 */
import type { Scheduler } from '../../base/scheduler.ts';
import type { CallListing } from '../../call/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import { type Binding, contactOf, splitAor } from '../../registrar/index.ts';
import { formatHost } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';

export class ListedRegistration {
  readonly #binding: Binding<Flow>;
  readonly #directory: Directory;
  readonly #scheduler: Scheduler;

  constructor(binding: Binding<Flow>, directory: Directory, scheduler: Scheduler) {
    this.#binding = binding;
    this.#directory = directory;
    this.#scheduler = scheduler;
  }

  get addressOfRecord(): string {
    return this.#binding.aor;
  }

  get tenant(): string | undefined {
    return this.#directory.tenantByDomain(splitAor(this.#binding.aor).domain)?.name;
  }

  get extension(): string | undefined {
    return this.tenant === undefined ? undefined : splitAor(this.#binding.aor).user;
  }

  /** Of a gateway's trunk. */
  get trunkId(): string | undefined {
    if (this.tenant !== undefined) return undefined;
    const { user, domain } = splitAor(this.#binding.aor);
    return this.#directory.trunksByHost(domain).find((trunk) => trunk.credentials?.authName === user)?.id;
  }

  get contact(): string {
    return contactOf(this.#binding);
  }

  get transport(): string {
    return this.#binding.source.transport;
  }

  get source(): string {
    const { address, port } = this.#binding.source;
    return `${formatHost(address)}:${port}`;
  }

  get userAgent(): string | undefined {
    return this.#binding.userAgent === '' ? undefined : this.#binding.userAgent;
  }

  /** The node that took it. */
  get node(): string {
    return this.#binding.node;
  }

  /** By the time that is left: somebody may have set the clock since the phone registered. */
  get expiresAt(): string {
    const leftMs = this.#binding.expiresAtMs - this.#scheduler.nowMs();
    return new Date(this.#scheduler.wallMs() + leftMs).toISOString();
  }

  toJSON() {
    const { addressOfRecord, tenant, extension, trunkId, contact, transport, source, userAgent, expiresAt, node } =
      this;
    return { addressOfRecord, tenant, extension, trunkId, contact, transport, source, userAgent, expiresAt, node };
  }
}

const CALL_STATES = { routing: 'calling', ringing: 'ringing', answered: 'answered', ending: 'ending' } as const;

export class ListedCall {
  readonly #listing: CallListing;
  readonly #directory: Directory;

  constructor(listing: CallListing, directory: Directory) {
    this.#listing = listing;
    this.#directory = directory;
  }

  get callId(): string {
    return this.#listing.id;
  }

  get sipCallIds(): readonly string[] {
    const { callerCallId, calleeCallId } = this.#listing;
    return calleeCallId === undefined ? [callerCallId] : [callerCallId, calleeCallId];
  }

  get tenant(): string | undefined {
    return this.#listing.facts.tenant;
  }

  get direction() {
    return this.#listing.facts.direction;
  }

  get from(): string {
    return this.#listing.facts.caller;
  }

  get to(): string {
    return this.#listing.facts.called;
  }

  get state() {
    return CALL_STATES[this.#listing.state];
  }

  get trunkId(): string | undefined {
    return this.#listing.trunkId;
  }

  get trunk(): string | undefined {
    return this.trunkId === undefined ? undefined : this.#directory.trunk(this.trunkId)?.name;
  }

  get startedAt(): string {
    return new Date(this.#listing.startedAtMs).toISOString();
  }

  get answeredAt(): string | undefined {
    const { answeredAtMs } = this.#listing;
    return answeredAtMs === undefined ? undefined : new Date(answeredAtMs).toISOString();
  }

  toJSON() {
    const { callId, sipCallIds, tenant, direction, from, to, state, trunkId, trunk, startedAt, answeredAt } = this;
    return { callId, sipCallIds, tenant, direction, from, to, state, trunkId, trunk, startedAt, answeredAt };
  }
}
