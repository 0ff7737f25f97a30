/** Every call of the HTTP interface that the console makes, with the types of what goes and what comes. */

import type { SignInCredentials } from '../../api/sessions.ts';
import { type Query, queryText, type RequestOptions, request } from './http.ts';
import type {
  AuditView,
  BrandPreset,
  BulkChange,
  CallRecord,
  CallStatistics,
  CallTrace,
  CertificateView,
  CsvKind,
  CsvReport,
  Document,
  EffectiveTrunk,
  Examination,
  ExplainInput,
  Explanation,
  ListenerView,
  LiveCall,
  ManyReport,
  NodeView,
  Page,
  PlanView,
  Read,
  RegistrationView,
  ReloadReport,
  Role,
  Session,
  StoreStatus,
  TenantView,
  TokenView,
  TrunkInput,
  TrunkPreviewInput,
  TrunkStatus,
  TrunkView,
  UserView,
  WebhookTestOutcome,
  WebhookView,
} from './types.ts';

const V1 = '/api/v1';
const at = (path: string, ...names: readonly string[]) => [V1 + path, ...names.map(encodeURIComponent)].join('/');

export interface NewUser {
  readonly id: string;
  readonly role: Role;
  readonly tenant?: string;
  readonly readOnly?: boolean;
  readonly password: string;
}

export const sessions = {
  get: () => request<Session>('GET', at('/session')),
  signIn: (given: SignInCredentials | { readonly link: string }) =>
    request<Session>('POST', at('/session'), { body: given }),
  signOut: () => request<Session>('DELETE', at('/session')),
};

export const users = {
  list: (query: Query) => request<Page<UserView>>('GET', at('/users'), { query }),
  create: (body: NewUser) => request<UserView>('POST', at('/users'), { body }),
  /** The first user, made with the token of the owner; nobody is signed in yet. */
  createFirst: (body: NewUser, ownerToken: string) =>
    request<UserView>('POST', at('/users'), { body, headers: { authorization: `Bearer ${ownerToken}` } }),
  change: (id: string, body: Readonly<Record<string, unknown>>) =>
    request<UserView>('PATCH', at('/users', id), { body }),
  remove: (id: string) => request<void>('DELETE', at('/users', id)),
  beginCodes: (id: string) =>
    request<{ readonly secret: string; readonly uri: string }>('POST', `${at('/users', id)}/codes`),
  confirmCodes: (id: string, code: string) =>
    request<UserView>('POST', `${at('/users', id)}/codes/confirm`, { body: { code } }),
};

export const tokens = {
  list: (query: Query) => request<Page<TokenView>>('GET', at('/tokens'), { query }),
  create: (body: Readonly<Record<string, unknown>>) =>
    request<TokenView & { readonly token: string }>('POST', at('/tokens'), { body }),
  revoke: (id: string) => request<void>('DELETE', at('/tokens', id)),
};

export const webhooks = {
  list: (query: Query) => request<Page<WebhookView>>('GET', at('/webhooks'), { query }),
  create: (body: Readonly<Record<string, unknown>>) => request<WebhookView>('POST', at('/webhooks'), { body }),
  change: (id: string, body: Readonly<Record<string, unknown>>) =>
    request<WebhookView>('PATCH', at('/webhooks', id), { body }),
  test: (id: string) => request<WebhookTestOutcome>('POST', `${at('/webhooks', id)}/test`),
  remove: (id: string) => request<void>('DELETE', at('/webhooks', id)),
};

export const trunks = {
  list: (query: Query) => request<Page<TrunkView>>('GET', at('/trunks'), { query }),
  get: (id: string) => request<TrunkView>('GET', at('/trunks', id)),
  status: (id: string) => request<TrunkStatus>('GET', `${at('/trunks', id)}/status`),
  create: (body: TrunkInput) => request<TrunkView>('POST', at('/trunks'), { body }),
  /** Checks it as saving would, and shows its INVITE; faults have paths from `trunk` on. */
  preview: (body: TrunkPreviewInput, signal?: AbortSignal) =>
    request<Explanation>('POST', at('/trunks/preview'), { body, ...(signal && { signal }) }),
  effective: (id: string) => request<EffectiveTrunk>('GET', at('/trunks', id), { query: { view: 'effective' } }),
  examine: (id: string) => request<Examination>('POST', `${at('/trunks', id)}/doctor`),
  retry: (id: string) => request<unknown>('POST', `${at('/trunks', id)}/retry`),
};

export const explain = (body: ExplainInput) => request<Explanation>('POST', at('/explain'), { body });
export const plan = (document: object) => request<PlanView>('POST', at('/plan'), { body: document });
/** Without their keys. */
export const certificates = {
  list: (query: Query) => request<Page<CertificateView>>('GET', at('/certificates'), { query }),
};
export const brands = { list: () => request<Page<BrandPreset>>('GET', at('/brands'), { query: { limit: 1000 } }) };
export const planChange = (resource: string, body: Document | null) =>
  request<PlanView>('POST', at('/plan/change'), { body: { resource, body } });

/** A document as it is behind `/api/v1` once this is done, with its version. */
async function read(method: string, path: string, options: RequestOptions = {}): Promise<Read> {
  let tag = '';
  const onTag = (told: string) => {
    tag = told;
  };
  return { document: await request<Document>(method, V1 + path, { ...options, onTag }), tag };
}

/** Documents at a path behind `/api/v1`, whatever their kind. */
export const documents = {
  list: (path: string, query: Query) => request<Page<Document>>('GET', V1 + path, { query }),
  get: (path: string) => read('GET', path),
  create: (path: string, body: Document) => read('POST', path, { body }),
  /** Only the version that was read is replaced. */
  replace: (path: string, body: Document, tag: string) =>
    read('PUT', path, { body, headers: tag === '' ? {} : { 'if-match': tag } }),
  remove: (path: string) => request<void>('DELETE', V1 + path),
  many: (path: string, body: BulkChange) => request<ManyReport>('PATCH', V1 + path, { body }),
};
export const spreadsheets = {
  url: (tenant: string, kind: CsvKind, separator: string) =>
    `${at('/tenants', tenant, 'csv', kind)}?separator=${separator}`,
  send: (tenant: string, kind: CsvKind, file: Blob, query: Query) =>
    request<CsvReport>('POST', at('/tenants', tenant, 'csv', kind), { body: file, query }),
};
export const transports = { list: (query: Query) => request<Page<ListenerView>>('GET', at('/transports'), { query }) };
export const reload = () => request<ReloadReport>('POST', at('/reload'));
export const tenants = { list: (query: Query) => request<Page<TenantView>>('GET', at('/tenants'), { query }) };
export const calls = {
  list: (query: Query) => request<Page<LiveCall>>('GET', at('/calls'), { query }),
  get: (id: string) => request<LiveCall>('GET', at('/calls', id)),
  trace: (id: string) => request<CallTrace>('GET', `${at('/calls', id)}/trace`),
  explain: (id: string) => request<Explanation>('GET', `${at('/calls', id)}/explain`),
  /** Where a browser fetches the capture file. */
  captureAddress: (id: string) => `${at('/calls', id)}/trace?format=pcap`,
  end: (id: string) => request<void>('DELETE', at('/calls', id)),
};
export const registrations = {
  list: (query: Query) => request<Page<RegistrationView>>('GET', at('/registrations'), { query }),
};

export const records = {
  list: (query: Query) => request<Page<CallRecord>>('GET', at('/call-records'), { query }),
  get: (id: string) => request<CallRecord>('GET', at('/call-records', id)),
  statistics: (query: Query) => request<CallStatistics>('GET', at('/call-statistics'), { query }),
  /** Where a browser fetches the table of all that match. */
  tableAddress: (query: Query) => `${at('/call-records')}${queryText({ ...query, format: 'csv' })}`,
};

export const audit = { list: (query: Query) => request<Page<AuditView>>('GET', at('/audit'), { query }) };
export const node = {
  get: () => request<NodeView>('GET', at('/node')),
  store: () => request<StoreStatus>('GET', at('/store')),
};
