/** The shapes of the HTTP interface: the very types that the engine answers with, so that they cannot drift apart. */
import type { z } from 'zod';
import type { Answer } from '../../api/answers/index.ts';
import type { bulkBody } from '../../api/bulk-body.ts';
import type { Document } from '../../api/documents.ts';
import type { EffectiveValue } from '../../api/effective-trunk.ts';
import type {
  ListenerView,
  LiveCall,
  ManyReport,
  NodeView,
  RegistrationView,
  ReloadReport,
  Role,
  StoreStatus,
} from '../../api/index.ts';
import type { Page } from '../../api/paging.ts';
import type { CallRecord, CallStatistics, TraceMessage, WebhookTestOutcome } from '../../observe/index.ts';
import type { ExplainQuestion, Explanation } from '../../outbound/index.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import type { BrandPreset } from '../../provisioning/trunk-settings/brands.ts';
import type { CertificateSettings } from '../../provisioning/trunk-settings/certificate-schema.ts';
import type { TrunkInput } from '../../provisioning/trunk-settings/schema.ts';
import type { Examination } from '../../trunks/examination.ts';
import type { TrunkStatus } from '../../trunks/status-facts.ts';

export type {
  BrandPreset,
  CallRecord,
  CallStatistics,
  Document,
  EffectiveValue,
  Examination,
  Explanation,
  ListenerView,
  LiveCall,
  ManyReport,
  NodeView,
  Page,
  RegistrationView,
  ReloadReport,
  Role,
  StoreStatus,
  TraceMessage,
  TrunkStatus,
  WebhookTestOutcome,
};

/** The SIP messages of a call, oldest first. */
export interface CallTrace {
  readonly callId: string;
  readonly messages: readonly TraceMessage[];
}

/** A resource whose form is made of a description, as it was read. */
export interface Read {
  readonly document: Document;
  readonly tag: string;
}
export type AuditView = Answer<'AuditEntry'>;
export type CsvReport = Answer<'CsvReport'>;
export type CsvKind = 'extensions' | 'dids';
export type BulkChange = Omit<z.input<typeof bulkBody>, 'keys'> & { readonly keys: readonly string[] };

export interface TrunkPreviewInput {
  readonly trunk: TrunkInput;
  readonly replaces?: string;
  readonly tenant?: string;
  readonly to: string;
}

/** What may be asked of a call that is only thought through. */
export type ExplainInput = {
  readonly [K in keyof ExplainQuestion]?: ExplainQuestion[K] | undefined;
};

export type PlanView = Answer<'Plan'>;
export type EffectiveTrunk = Answer<'EffectiveTrunk'>;
export type Session = Answer<'Session'>;

/** What is sent to make or replace a trunk. */
export type { TrunkInput };
/** A trunk as it is listed: without secrets, with its state. */
export type TrunkView = TrunkInput & {
  readonly id: string;
  readonly managedBy?: string;
  readonly status: TrunkStatus;
};
export type CertificateView = Pick<CertificateSettings, 'name' | 'owner' | 'use'>;
export type TenantView = Pick<Tenant, 'name' | 'domain' | 'outboundCallerId'> & { readonly managedBy?: string };
export type UserView = Answer<'User'>;
export type WebhookView = Answer<'Webhook'>;
export type TokenView = Answer<'Token'>;
