/** What the guide calls Transport Management: what this node listens on, added to and taken from while it runs. */
import { useState } from 'preact/hooks';
import { certificates, documents, reload, transports } from '../client/resources.ts';
import { isSystemAdmin, mayChange } from '../client/session.ts';
import type { Document, ListenerView, ReloadReport } from '../client/types.ts';
import { useQuery } from '../client/use-query.ts';
import { navigate } from '../router.tsx';
import { inWords, number, t } from '../text/index.ts';
import { Button, ButtonLink } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { FaultSummary, useWork } from '../ui/form.tsx';
import { Note } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { State } from '../ui/state.tsx';
import type { Column } from '../ui/table.tsx';
import { say } from '../ui/toast.tsx';
import { Unread } from '../ui/unread.tsx';
import { useListing, VirtualTable } from '../ui/virtual-table.tsx';
import { Ends } from './certificates.tsx';
import { DocumentForm } from './provisioning/document-form.tsx';
import type { FormDraft, FormModel } from './provisioning/model.ts';

const EXAMPLE = `listen:
  - { transport: tls, host: 0.0.0.0, port: 5061, certificate: tls/cert.pem, key: tls/key.pem }`;

const LIST = '/transports';
const TLS_FIELDS = ['certificate', 'clientCertificate', 'minVersion'];
const isTls = (draft: FormDraft) => draft['transport'] === 'tls';

/** @param names certificates that TLS may show. */
const formOf = (names: readonly string[]): FormModel => ({
  id: 'transport',
  sections: [
    {
      title: 'section.transport',
      text: 'section.transportText',
      fields: [
        { path: 'name', kind: 'text' },
        { path: 'transport', kind: 'select', options: ['udp', 'tcp', 'tls'] },
        { path: 'host', kind: 'text', mono: true },
        { path: 'port', kind: 'number' },
        { path: 'certificate', kind: 'select', options: names, only: isTls },
        { path: 'clientCertificate', kind: 'select', options: ['none', 'optional', 'required'], only: isTls },
        { path: 'minVersion', kind: 'select', options: ['TLSv1.2', 'TLSv1.3'], only: isTls },
      ],
    },
    {
      title: 'section.transportPublic',
      fields: [
        { path: 'publicHost', kind: 'text', optional: true, mono: true },
        { path: 'publicPort', kind: 'number', optional: true },
      ],
    },
  ],
});

export function Transports() {
  const listing = useListing<ListenerView>('transports', transports.list);
  const [leaving, setLeaving] = useState<string>();
  const maySet = isSystemAdmin() && mayChange();
  const add = maySet ? (
    <ButtonLink label={t('transports.new')} to={`${LIST}/+/new`} kind="primary" icon="plus" />
  ) : undefined;
  return (
    <Page title={t('transports.title')} text={t('transports.text')} {...(add === undefined ? {} : { actions: add })}>
      <div class="stack">
        <VirtualTable
          of="transports"
          icon="events"
          columns={maySet ? [...COLUMNS, removal(setLeaving)] : COLUMNS}
          listing={listing}
          keyOf={({ id }) => id}
        />
        {isSystemAdmin() ? <HowTo /> : <Note kind="info">{t('transports.askAdmin')}</Note>}
      </div>
      {leaving === undefined ? null : (
        <Confirm
          title={t('transports.remove', { name: leaving })}
          text={t('transports.removeText')}
          action={t('action.delete')}
          work={() => documents.remove(`${LIST}/${encodeURIComponent(leaving)}`)}
          onClose={() => setLeaving(undefined)}
          said={t('provisioning.deleted', { name: leaving })}
          onDone={() => {
            setLeaving(undefined);
            listing.reload();
          }}
        />
      )}
    </Page>
  );
}

export function NewTransport() {
  const { data, error } = useQuery('certificates', () => certificates.list({ limit: 1000 }));
  const up = { to: LIST, label: t('transports.title') };
  if (data === undefined) return <Unread title={t('transports.new')} up={up} error={error} />;
  const names = data.items.filter(({ use, owner }) => use === 'tls' && owner === 'system').map(({ name }) => name);
  const document = { transport: 'udp', certificate: names[0] ?? '', clientCertificate: 'none', minVersion: 'TLSv1.2' };
  return (
    <Page title={t('transports.new')} text={t('transports.newText')} up={up}>
      <DocumentForm
        form={formOf(names)}
        document={document}
        isNew
        mayEdit={isSystemAdmin() && mayChange()}
        tenant=""
        save={(wanted) => documents.create(LIST, withoutIdle(wanted))}
        onSaved={({ name }) => {
          say(t('transports.added', { name: String(name) }));
          navigate(LIST, 'replace');
        }}
        onCancel={() => navigate(LIST)}
      />
    </Page>
  );
}

/** What is for TLS alone is refused elsewhere. */
function withoutIdle(wanted: Document): Document {
  if (wanted['transport'] === 'tls') return wanted;
  return Object.fromEntries(Object.entries(wanted).filter(([field]) => !TLS_FIELDS.includes(field)));
}

function removal(leave: (name: string) => void): Column<ListenerView> {
  return {
    title: 'action.delete',
    hideTitle: true,
    end: true,
    cell: ({ id, managedBy }) =>
      managedBy === undefined ? (
        <Button kind="danger-quiet" onClick={() => leave(id)}>
          {t('action.delete')} <span class="visually-hidden">{id}</span>
        </Button>
      ) : null,
  };
}

const COLUMNS: readonly Column<ListenerView>[] = [
  {
    title: 'wizard.transport',
    cell: ({ transport, id }) => (
      <>
        <strong>{transport.toUpperCase()}</strong>
        <span class="table-sub mono break">{id}</span>
      </>
    ),
  },
  {
    title: 'transports.address',
    cell: ({ host, port }) => (
      <span class="mono break">{host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`}</span>
    ),
  },
  {
    title: 'transports.public',
    cell: ({ publicHost, publicPort, port }) => (
      <span class="mono break">{publicHost === undefined ? '—' : `${publicHost}:${publicPort ?? port}`}</span>
    ),
  },
  {
    title: 'transport.certificate',
    cell: ({ certificate, certificateName }) =>
      certificate === undefined ? (
        (certificateName ?? '—')
      ) : (
        <>
          <Ends at={certificate.notAfter} />
          <span class="table-sub break">{certificate.names.join(', ') || certificate.subject}</span>
        </>
      ),
  },
  {
    title: 'fact.state',
    cell: ({ managedBy, problem }) => (
      <>
        <State tone={problem === undefined ? 'good' : 'bad'}>
          {t(problem === undefined ? 'transports.open' : 'transports.faulty')}
        </State>
        <span class="table-sub break">{(problem && inWords(problem)) ?? managedBy ?? t('transports.here')}</span>
      </>
    ),
  },
  {
    title: 'trunks.title',
    end: true,
    cell: ({ trunks }) => <span class="numeric">{number(trunks)}</span>,
  },
];

/** Those of the configuration file are changed there; the page says how, and has it read again. */
function HowTo() {
  const { busy, faults, run } = useWork();
  const [report, setReport] = useState<ReloadReport>();
  return (
    <section class="card stack" aria-label={t('transports.add')}>
      <h2>{t('transports.add')}</h2>
      <p>{t('transports.addText')}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard has to reach it */}
      <section class="message" tabIndex={0} aria-label={t('transports.example')}>
        <pre>{EXAMPLE}</pre>
      </section>
      <FaultSummary faults={faults} title={t('transports.refused')} />
      {report === undefined ? null : (
        <div role="status">
          <Note kind="good">
            <p>{t('transports.applied', { what: report.applied.join(', ') || '—' })}</p>
            {report.needsRestart.length === 0 ? null : (
              <p>{t('transports.restart', { what: report.needsRestart.join(', ') })}</p>
            )}
          </Note>
        </div>
      )}
      {mayChange() ? (
        <div>
          <Button
            label={t('transports.reload')}
            busy={busy}
            onClick={() => void run(async () => setReport(await reload()))}
          />
        </div>
      ) : null}
    </section>
  );
}
