/** Certificates that calls are signed with, or that Microsoft Teams is shown. */
import { documents } from '../client/resources.ts';
import { isSystemAdmin, mayChange, session } from '../client/session.ts';
import type { Document } from '../client/types.ts';
import { useQuery } from '../client/use-query.ts';
import { Link, navigate } from '../router.tsx';
import { duration, t } from '../text/index.ts';
import { ButtonLink } from '../ui/button.tsx';
import { Fact } from '../ui/facts.tsx';
import { Page } from '../ui/page.tsx';
import { State } from '../ui/state.tsx';
import type { Column } from '../ui/table.tsx';
import { say } from '../ui/toast.tsx';
import { Unread } from '../ui/unread.tsx';
import { useListing, VirtualTable } from '../ui/virtual-table.tsx';
import { DocumentForm } from './provisioning/document-form.tsx';
import { DocumentPage } from './provisioning/document-page.tsx';
import { type FormModel, valueAt } from './provisioning/model.ts';

const FORM: FormModel = {
  id: 'certificate',
  sections: [
    {
      title: 'section.certificate',
      fields: [
        { path: 'name', kind: 'text', fixed: true },
        { path: 'use', kind: 'select', options: ['stir', 'tls'], fixed: true },
        { path: 'owner', kind: 'text', system: true, fixed: true },
      ],
    },
    {
      title: 'section.pem',
      text: 'section.pemText',
      fields: [
        { path: 'chain', kind: 'area', mono: true, wide: true },
        { path: 'key', kind: 'secret-area', mono: true, wide: true, optional: true },
      ],
    },
    {
      title: 'section.stir',
      fields: [
        { path: 'x5u', kind: 'text', optional: true, mono: true, only: (draft) => draft['use'] !== 'tls' },
        { path: 'numbers', kind: 'text', optional: true, mono: true, only: (draft) => draft['use'] !== 'tls' },
      ],
    },
  ],
};
const LIST = '/certificates';
const at = (name: string) => `${LIST}/${encodeURIComponent(name)}`;

export function Certificates() {
  const listing = useListing<Document>('certificates', (query) => documents.list(LIST, query));
  const add = mayChange() ? (
    <ButtonLink label={t('certificates.new')} to={`${LIST}/+/new`} kind="primary" icon="plus" />
  ) : undefined;
  const isEmpty = listing.total === 0;
  return (
    <Page title={t('certificates.title')} text={t('certificates.text')} {...(isEmpty ? {} : { actions: add })}>
      <VirtualTable
        of="certificates"
        icon="key"
        columns={COLUMNS}
        listing={listing}
        keyOf={({ name }) => String(name)}
        offer={add}
      />
    </Page>
  );
}

const COLUMNS: readonly Column<Document>[] = [
  {
    title: 'field.name',
    cell: ({ name, facts }) => (
      <>
        <Link to={at(String(name))} class="table-main break">
          {String(name)}
        </Link>
        <span class="table-sub break">{String(valueAt(facts, 'subject') ?? '')}</span>
      </>
    ),
  },
  {
    title: 'certificate.use',
    cell: ({ use }) => t(use === 'tls' ? 'certificate.use=tls' : 'certificate.use=stir'),
  },
  {
    title: 'certificate.owner',
    cell: ({ owner }) => String(owner),
  },
  {
    title: 'certificates.ends',
    cell: ({ facts }) => <Ends at={String(valueAt(facts, 'notAfter') ?? '')} />,
  },
];

const SOON_SECONDS = 30 * 86_400;

/** How long a certificate is good for: soon it has to be renewed, or it is over. */
export function Ends({ at: iso }: { readonly at: string }) {
  const seconds = (Date.parse(iso) - Date.now()) / 1000;
  if (seconds <= 0) return <State tone="bad">{t('certificates.ended')}</State>;
  return (
    <State tone={seconds < SOON_SECONDS ? 'warn' : 'good'}>
      {t('certificates.endsIn', { duration: duration(seconds) })}
    </State>
  );
}

const up = () => ({ to: LIST, label: t('certificates.title') });

export function NewCertificate() {
  const owner = session.value?.tenant ?? 'system';
  return (
    <Page title={t('certificates.new')} up={up()}>
      <DocumentForm
        form={FORM}
        document={{ use: 'stir', owner }}
        isNew
        mayEdit={mayChange()}
        tenant=""
        save={(document) => documents.create(LIST, document)}
        onSaved={() => {
          say(t('certificates.added'));
          navigate(LIST, 'replace');
        }}
        onCancel={() => navigate(LIST)}
      />
    </Page>
  );
}

export function EditCertificate({ name }: { readonly name: string }) {
  const path = at(name);
  const { data, error, reload } = useQuery(path, () => documents.get(path));
  if (data === undefined) return <Unread title={name} up={up()} error={error} />;
  const { document } = data;
  const isOwn = isSystemAdmin() || document['owner'] === session.value?.tenant;
  return (
    <DocumentPage
      {...{ path, read: data, reload, name }}
      text={String(valueAt(document, 'facts.subject') ?? '')}
      up={up()}
      list={LIST}
      form={FORM}
      tenant=""
      mayEdit={mayChange() && isOwn}
      deletion={{ text: t('certificates.deleteText') }}
    >
      <Facts facts={document['facts'] as Document | undefined} />
    </DocumentPage>
  );
}

function Facts({ facts = {} }: { facts: Document | undefined }) {
  const list = (value: unknown) => (Array.isArray(value) && value.length > 0 ? value.join(', ') : undefined);
  const rows = [
    [t('certificates.issuer'), facts['issuer']],
    [t('certificates.serial'), facts['serialNumber']],
    [t('certificates.fingerprint'), facts['fingerprint256']],
    [t('certificates.names'), list(facts['names'])],
    [t('certificates.codes'), list(facts['codes'])],
    [t('trunk.numbers'), list(facts['numbers'])],
    [t('certificates.servedAt'), facts['servedAt']],
  ] as const;
  return (
    <section class="card" aria-label={t('certificates.facts')}>
      <h2>{t('certificates.facts')}</h2>
      <dl class="facts">
        <Fact name={t('certificates.ends')}>
          <Ends at={String(facts['notAfter'] ?? '')} />
        </Fact>
        {rows.map(([label, value]) => (
          <Fact name={label} mono key={label}>
            {value === undefined ? undefined : String(value)}
          </Fact>
        ))}
      </dl>
    </section>
  );
}
