/** The pages of everything that is provisioned, by address. */
import type { PageRoute } from '../route.ts';
import { Spreadsheet } from './csv.tsx';
import { EditItem, NewItem } from './item.tsx';
import { ResourceList } from './list.tsx';
import { NewRange } from './range.tsx';
import { addressOf, nameOf, RESOURCES, type Resource } from './resources.tsx';
import { ForSomeTenant } from './tenant-choice.tsx';
import { NEW_TENANT_ADDRESS, NewTenant, TenantPage, Tenants } from './tenants.tsx';

interface Parts {
  readonly tenant: string;
}

function pagesOf(resource: Resource): PageRoute[] {
  const at = `/${resource.segment}`;
  return [
    {
      pattern: at,
      page: () => <ForSomeTenant title={nameOf(resource, 'title')} to={(tenant) => addressOf(resource, tenant)} />,
    },
    { pattern: `${at}/:tenant`, page: ({ tenant }: Parts) => <ResourceList {...{ resource, tenant }} /> },
    { pattern: `${at}/:tenant/new`, page: ({ tenant }: Parts) => <NewItem {...{ resource, tenant }} /> },
    ...(resource.csv === undefined
      ? []
      : [{ pattern: `${at}/:tenant/csv`, page: ({ tenant }: Parts) => <Spreadsheet {...{ resource, tenant }} /> }]),
    ...(resource.csv === 'extensions'
      ? [{ pattern: `${at}/:tenant/range`, page: ({ tenant }: Parts) => <NewRange {...{ resource, tenant }} /> }]
      : []),
    {
      pattern: `${at}/:tenant/of/:item`,
      page: ({ tenant, item }: Parts & { item: string }) => <EditItem {...{ resource, tenant }} itemKey={item} />,
    },
  ];
}

export const PROVISIONING_PAGES: readonly PageRoute[] = [
  { pattern: '/tenants', page: Tenants },
  { pattern: NEW_TENANT_ADDRESS, page: NewTenant },
  { pattern: '/tenants/:tenant', page: TenantPage },
  { pattern: '/tenants/:tenant/:tab', page: TenantPage },
  ...RESOURCES.flatMap(pagesOf),
];
