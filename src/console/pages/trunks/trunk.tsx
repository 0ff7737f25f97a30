import { useState } from 'preact/hooks';
import type { RequestError } from '../../client/http.ts';
import { records, trunks } from '../../client/resources.ts';
import { isSystemAdmin, mayChange, session } from '../../client/session.ts';
import type { EffectiveValue, TrunkView } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { navigate } from '../../router.tsx';
import { codeInWords, duration, foundInWords, known, number, t } from '../../text/index.ts';
import { Button, ButtonLink } from '../../ui/button.tsx';
import { Sparkline } from '../../ui/chart.tsx';
import { Fact } from '../../ui/facts.tsx';
import { FaultSummary, useWork } from '../../ui/form.tsx';
import { Note } from '../../ui/note.tsx';
import { Page } from '../../ui/page.tsx';
import { State, TrunkState, When } from '../../ui/state.tsx';
import { type Column, Rows } from '../../ui/table.tsx';
import { say } from '../../ui/toast.tsx';
import { PartUnread, Unread } from '../../ui/unread.tsx';
import { DeleteDialog } from '../delete-dialog.tsx';
import { Doctor } from './doctor.tsx';
import { Gateway } from './gateway.tsx';
import { WhatsappHook } from './whatsapp-step.tsx';

const REFRESH_MS = 5000;
export const SPARK_REFRESH_MS = 15_000;
export const SPARK_SECONDS = 300;

export function TrunkPage({ id }: { readonly id: string }) {
  const found = useQuery(`trunk ${id}`, () => trunks.get(id), REFRESH_MS);
  const status = useQuery(`trunk-status ${id}`, () => trunks.status(id), REFRESH_MS);
  const effective = useQuery(`trunk-effective ${id}`, () => trunks.effective(id));
  const [deleting, setDeleting] = useState(false);
  const up = { to: '/trunks', label: t('trunks.title') };
  const { data: trunk, error } = found;
  if (trunk === undefined) {
    return <Unread title={t('trunks.title')} up={up} error={error} />;
  }
  const isOwn = isSystemAdmin() || trunk.owner === session.value?.tenant;
  const mayEdit = mayChange() && isOwn && trunk.managedBy === undefined;
  return (
    <Page
      title={trunk.name}
      text={[known(`type.${trunk.type}`, trunk.type), trunk.brand ?? 'generic', `ID ${id}`].join(' · ')}
      up={up}
      actions={
        mayEdit ? (
          <>
            <ButtonLink label={t('action.edit')} to={`/trunks/${encodeURIComponent(id)}/edit`} kind="primary" />
            <Button label={t('action.delete')} kind="danger-quiet" onClick={() => setDeleting(true)} />
          </>
        ) : undefined
      }
    >
      <div class="stack">
        {trunk.managedBy === undefined ? null : (
          <Note kind="info">{t('trunk.managed', { file: trunk.managedBy })}</Note>
        )}
        {isOwn ? null : <Note kind="info">{t('trunk.notYours')}</Note>}
        <div class="cards">
          <StatusCard
            trunk={{ ...trunk, status: status.data ?? trunk.status }}
            reload={status.reload}
            mayEdit={mayEdit}
          />
          <NumbersCard trunk={trunk} />
        </div>
        {trunk.type === 'accept-register' && isOwn ? <Gateway trunk={trunk} /> : null}
        {trunk.type === 'whatsapp' ? <WhatsappHook id={id} /> : null}
        {isOwn && mayChange() ? (
          <section class="card stack">
            <h2>{t('step.doctor')}</h2>
            <Doctor id={id} />
          </section>
        ) : null}
        <Values values={effective.data?.values} error={effective.error} />
      </div>
      {deleting ? (
        <DeleteDialog
          path={`/trunks/${encodeURIComponent(id)}`}
          name={trunk.name}
          text={t('trunk.deleteText')}
          plans
          onClose={() => setDeleting(false)}
          onDone={() => {
            say(t('provisioning.deleted', { name: trunk.name }));
            navigate('/trunks', 'replace');
          }}
        />
      ) : null}
    </Page>
  );
}

function StatusCard({
  trunk: { id, enabled, status },
  reload,
  mayEdit,
}: {
  trunk: TrunkView;
  reload: () => void;
  mayEdit: boolean;
}) {
  if (status === undefined) return null;
  const { registration, alarms = [] } = status;
  const hour = useQuery(
    `trunk-hour ${id}`,
    () => records.statistics({ trunks: id, stepSeconds: SPARK_SECONDS }),
    SPARK_REFRESH_MS,
  ).data?.trunks[0];
  const { faults, run } = useWork();
  const retry = async () => {
    if (!(await run(() => trunks.retry(id)))) return;
    say(t('trunk.retried'));
    reload();
  };
  return (
    <section class="card">
      <h2>{t('fact.state')}</h2>
      <dl class="facts">
        <Fact name={t('fact.state')}>
          {enabled === false ? <State tone="none">{t('provisioning.off')}</State> : <TrunkState state={status.state} />}
        </Fact>
        <Fact name={t('trunk.since')}>
          <When at={status.since} />
        </Fact>
        {status.lastCode === undefined ? null : (
          <Fact name={t('trunk.code')}>
            {status.lastCode} <span class="soft">{codeInWords(status.lastCode)}</span>
          </Fact>
        )}
        <Fact name={t('plan.why')}>{status.reason === undefined ? undefined : foundInWords(status.reason)}</Fact>
        {registration === undefined ? null : (
          <>
            <Fact name={t('trunk.registered')} mono>
              {registration.server}
            </Fact>
            <Fact name={t('trunk.expiry')}>
              <When at={registration.expiresAt} />{' '}
              <span class="soft">{t('trunk.each', { duration: duration(registration.grantedSeconds) })}</span>
            </Fact>
          </>
        )}
        <Fact name={t('trunks.hour')}>{hour && <Sparkline attempts={hour.attempts} answered={hour.answered} />}</Fact>
        <Fact name={t('calls.title')}>{number(status.activeCalls)}</Fact>
      </dl>
      {alarms.map(({ code, message }) => (
        <Note kind="warn" key={code + message}>
          <strong>{t('trunk.alarms')}</strong> {foundInWords(message)}
        </Note>
      ))}
      <FaultSummary faults={faults} title={t('trunk.notRetried')} />
      {status.state === 'rejected' && mayEdit ? <Button label={t('trunk.retry')} onClick={retry} /> : null}
    </section>
  );
}

function NumbersCard({ trunk: { tenants = [], didPool, owner } }: { trunk: TrunkView }) {
  const rows = tenants.length === 0 && didPool !== undefined ? [{ tenant: owner ?? '', didPool }] : tenants;
  return (
    <section class="card">
      <h2>{t('trunk.numbers')}</h2>
      {rows.length === 0 ? <p class="soft">{t('wizard.noTenants')}</p> : null}
      <dl class="facts">
        {rows.map(({ tenant, didPool: pool }) => (
          <Fact name={tenant} mono key={tenant}>
            {pool}
          </Fact>
        ))}
      </dl>
    </section>
  );
}

function Values({ values, error }: { values: readonly EffectiveValue[] | undefined; error: RequestError | undefined }) {
  return (
    <details class="card">
      <summary>
        <strong>{t('trunk.values')}</strong> <span class="soft">{t('trunk.valuesText')}</span>
      </summary>
      {values === undefined ? (
        <PartUnread error={error} />
      ) : (
        <Rows columns={VALUE_COLUMNS} rows={values} keyOf={({ path }) => path} />
      )}
    </details>
  );
}

const VALUE_COLUMNS: readonly Column<EffectiveValue>[] = [
  { title: 'bulk.field', class: 'mono break', cell: ({ path }) => path },
  {
    title: 'trunk.value',
    class: 'break',
    cell: ({ value }) => (
      <span class="mono">{value === null ? '—' : typeof value === 'string' ? value : JSON.stringify(value)}</span>
    ),
  },
  { title: 'trunk.from', cell: ({ from }) => <span class="tag">{t(`from.${from}`)}</span> },
];
