/** What the guide calls Transport Management: what this node listens on, and how to add to it. */
import { useState } from 'preact/hooks';
import type { Problem } from '../../base/errors.ts';
import { reload, transports } from '../client/resources.ts';
import { isSystemAdmin, mayChange } from '../client/session.ts';
import type { ListenerView, ReloadReport } from '../client/types.ts';
import { number, t } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { FaultSummary, faultsOf } from '../ui/form.tsx';
import { Note } from '../ui/note.tsx';
import { Empty, Page } from '../ui/page.tsx';
import type { Column } from '../ui/table.tsx';
import { useListing, VirtualTable } from '../ui/virtual-table.tsx';
import { Ends } from './certificates.tsx';

const EXAMPLE = `listen:
  - { transport: tls, host: 0.0.0.0, port: 5061, certificate: tls/cert.pem, key: tls/key.pem }`;

export function Transports() {
  const listing = useListing<ListenerView>('transports', transports.list);
  return (
    <Page title={t('transports.title')} text={t('transports.text')}>
      <div class="stack">
        <VirtualTable
          caption={t('transports.title')}
          columns={COLUMNS}
          listing={listing}
          keyOf={({ id }) => id}
          searched={false}
          empty={<Empty icon="events" title={t('transports.empty')} text={t('transports.emptyText')} />}
        />
        {isSystemAdmin() ? <HowTo /> : <Note kind="info">{t('transports.askAdmin')}</Note>}
      </div>
    </Page>
  );
}

const COLUMNS: readonly Column<ListenerView>[] = [
  {
    get title() {
      return t('transports.transport');
    },
    cell: ({ transport, id }) => (
      <>
        <strong>{transport.toUpperCase()}</strong>
        <span class="table-sub mono break">{id}</span>
      </>
    ),
  },
  {
    get title() {
      return t('transports.address');
    },
    cell: ({ host, port }) => (
      <span class="mono break">{host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`}</span>
    ),
  },
  {
    get title() {
      return t('transports.public');
    },
    cell: ({ publicHost, publicPort, port }) => (
      <span class="mono break">{publicHost === undefined ? '—' : `${publicHost}:${publicPort ?? port}`}</span>
    ),
  },
  {
    get title() {
      return t('transports.certificate');
    },
    cell: ({ certificate }) =>
      certificate === undefined ? (
        '—'
      ) : (
        <>
          <Ends at={certificate.notAfter} />
          <span class="table-sub break">{certificate.names.join(', ') || certificate.subject}</span>
        </>
      ),
  },
  {
    get title() {
      return t('transports.trunks');
    },
    end: true,
    cell: ({ trunks }) => <span class="numeric">{number(trunks)}</span>,
  },
];

/** Sockets belong to the machine: they are set in its configuration, and the page says how. */
function HowTo() {
  const [busy, setBusy] = useState(false);
  const [report, setReport] = useState<ReloadReport>();
  const [faults, setFaults] = useState<readonly Problem[]>([]);
  const run = async () => {
    setBusy(true);
    setFaults([]);
    try {
      setReport(await reload());
    } catch (error) {
      setFaults(faultsOf(error));
    }
    setBusy(false);
  };
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
          <Button busy={busy} onClick={() => void run()}>
            {t('transports.reload')}
          </Button>
        </div>
      ) : null}
    </section>
  );
}
