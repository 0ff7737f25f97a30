/** Every page with its address, and what stands in the menu. A page gets the named parts of its address. */
import type { TextKey } from '../text/index.ts';
import type { IconName } from '../ui/icons.tsx';
import { Account } from './account.tsx';
import { Audit } from './audit.tsx';
import { CallPage } from './call.tsx';
import { Calls } from './calls.tsx';
import { Certificates, EditCertificate, NewCertificate } from './certificates.tsx';
import { Events } from './events.tsx';
import { Health } from './health.tsx';
import { Plan } from './plan.tsx';
import { PROVISIONING_PAGES } from './provisioning/pages.tsx';
import { Charts } from './records/charts.tsx';
import { Records } from './records/list.tsx';
import { RecordPage } from './records/record.tsx';
import { Registrations } from './registrations.tsx';
import type { PageRoute } from './route.ts';
import { Tokens } from './tokens.tsx';
import { NewTransport, Transports } from './transports.tsx';
import { TrunkList } from './trunks/list.tsx';
import { TrunkPage } from './trunks/trunk.tsx';
import { EditTrunk, NewTrunk } from './trunks/wizard.tsx';
import { Try } from './try.tsx';
import { Users } from './users.tsx';
import { Webhooks } from './webhooks.tsx';

export interface NavigationGroup {
  readonly title: TextKey;
  readonly links: readonly {
    readonly to: string;
    readonly title: TextKey;
    readonly icon: IconName;
    /** Shown to system admins alone. */
    readonly for?: 'system';
  }[];
}

export const PAGES: readonly PageRoute[] = [
  { pattern: '/trunks', page: TrunkList },
  { pattern: '/trunks/new', page: NewTrunk },
  { pattern: '/trunks/:id', page: TrunkPage },
  { pattern: '/trunks/:id/edit', page: EditTrunk },
  ...PROVISIONING_PAGES,
  { pattern: '/certificates', page: Certificates },
  { pattern: '/certificates/+/new', page: NewCertificate },
  { pattern: '/certificates/:name', page: EditCertificate },
  { pattern: '/transports', page: Transports },
  { pattern: '/transports/+/new', page: NewTransport },
  { pattern: '/calls', page: Calls },
  { pattern: '/calls/:id', page: CallPage },
  { pattern: '/registrations', page: Registrations },
  { pattern: '/events', page: Events },
  { pattern: '/health', page: Health },
  { pattern: '/records', page: Records },
  { pattern: '/records/:id', page: RecordPage },
  { pattern: '/charts', page: Charts },
  { pattern: '/audit', page: Audit },
  { pattern: '/try', page: Try },
  { pattern: '/plan', page: Plan },
  { pattern: '/users', page: Users },
  { pattern: '/tokens', page: Tokens },
  { pattern: '/webhooks', page: Webhooks },
  { pattern: '/account', page: Account },
];

export const NAVIGATION: readonly NavigationGroup[] = [
  {
    title: 'nav.connect',
    links: [
      { to: '/trunks', title: 'trunks.title', icon: 'trunk' },
      { to: '/certificates', title: 'certificates.title', icon: 'key' },
      { to: '/transports', title: 'nav.transports', icon: 'events' },
    ],
  },
  {
    title: 'nav.provision',
    links: [
      { to: '/tenants', title: 'tenants.title', icon: 'tenant' },
      { to: '/extensions', title: 'extensions.title', icon: 'phone' },
      { to: '/groups', title: 'groups.title', icon: 'users' },
      { to: '/services', title: 'services.title', icon: 'ring' },
      { to: '/outbound-rules', title: 'outbound-rules.title', icon: 'out' },
      { to: '/inbound-rules', title: 'inbound-rules.title', icon: 'in' },
    ],
  },
  {
    title: 'nav.live',
    links: [
      { to: '/calls', title: 'nav.calls', icon: 'calls' },
      { to: '/registrations', title: 'registrations.title', icon: 'phone' },
      { to: '/events', title: 'events.title', icon: 'events' },
      { to: '/health', title: 'health.title', icon: 'health', for: 'system' },
    ],
  },
  {
    title: 'nav.past',
    links: [
      { to: '/records', title: 'records.title', icon: 'records' },
      { to: '/charts', title: 'charts.title', icon: 'charts' },
      { to: '/audit', title: 'audit.title', icon: 'records' },
    ],
  },
  {
    title: 'nav.tools',
    links: [
      { to: '/try', title: 'try.title', icon: 'explain' },
      { to: '/plan', title: 'plan.title', icon: 'plan' },
    ],
  },
  {
    title: 'nav.access',
    links: [
      { to: '/users', title: 'users.title', icon: 'users' },
      { to: '/tokens', title: 'tokens.title', icon: 'key' },
      { to: '/webhooks', title: 'webhooks.title', icon: 'out' },
    ],
  },
];
