/** What messages ask of the rest: phones to be reached, and whoever watches. */
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { Message } from './message.ts';

/** A MESSAGE to all phones of a number. Texts are octets. */
export interface PhoneDraft {
  readonly tenant: Tenant;
  readonly number: string;
  readonly from: { readonly name: string; readonly user: string; readonly host: string };
  readonly to: { readonly user: string; readonly host: string };
  readonly callId: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly contentType: string;
  readonly body: string;
}

export type PhoneOutcome =
  | { readonly kind: 'answered'; readonly status: number }
  /** Nobody is registered. */
  | { readonly kind: 'away' };

/** The engine, to which phones register. */
export interface Phones {
  deliver(draft: PhoneDraft): Promise<PhoneOutcome>;
}

/** A MESSAGE of a phone to somebody outside. Texts are octets. */
export interface PhoneMessage {
  readonly tenant: Tenant;
  /** Number of the extension or service that sent it, and what sends it. */
  readonly sender: string;
  /** The number that was asked for, without separators. */
  readonly dialled: string;
  readonly callId: string;
  readonly cseq: number;
  readonly contentType: string;
  readonly body: string;
}

/** How the phone is answered. */
export interface PhoneAnswer {
  readonly status: number;
  readonly reason?: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface MessageWatcher {
  /** A message is new, or has come further. */
  onMessage(message: Message, trunk: Trunk | undefined, url: string | undefined): void;
  /** A notification of the Cloud API: what it was taken for. */
  onNotification(trunkId: string, outcome: NotificationOutcome): void;
  /** An answer of the Cloud API that is an error. */
  onCloudError(trunkId: string, code: number): void;
}

export type NotificationOutcome = 'taken' | 'duplicate' | 'unknown' | 'wrong-signature' | 'not-stored';
