/** Extensions and DIDs as a spreadsheet: out, and in again with a look at every line before anything is changed. */
import { useId, useRef, useState } from 'preact/hooks';
import { spreadsheets } from '../../client/resources.ts';
import { mayChange } from '../../client/session.ts';
import type { CsvReport } from '../../client/types.ts';
import { navigate } from '../../router.tsx';
import { inWords, number, t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { FaultSummary, SelectField, useWork } from '../../ui/form.tsx';
import { Note } from '../../ui/note.tsx';
import { Page } from '../../ui/page.tsx';
import { type Column, Rows } from '../../ui/table.tsx';
import { say } from '../../ui/toast.tsx';
import { addressOf, nameOf, type Resource } from './resources.tsx';

export function Spreadsheet({ resource, tenant }: { readonly resource: Resource; readonly tenant: string }) {
  const kind = resource.csv ?? 'extensions';
  const list = addressOf(resource, tenant);
  const [separator, setSeparator] = useState(t('csv.usual'));
  return (
    <Page
      title={t('csv.title', { what: nameOf(resource, 'title') })}
      text={tenant}
      up={{ to: list, label: nameOf(resource, 'title') }}
    >
      <div class="stack">
        {mayChange() ? <Import resource={resource} tenant={tenant} /> : null}
        <section class="card stack" aria-label={t('csv.export')}>
          <h2>{t('csv.export')}</h2>
          <p class="soft">{t('csv.exportText')}</p>
          <div class="toolbar">
            <SelectField
              label={t('csv.separator')}
              value={separator}
              onChange={setSeparator}
              options={(['comma', 'semicolon', 'tab'] as const).map((value) => ({ value, label: t(`csv.${value}`) }))}
            />
            <a class="button" href={spreadsheets.url(tenant, kind, separator)} download={`${tenant}-${kind}.csv`}>
              {t('csv.download')}
            </a>
          </div>
        </section>
      </div>
    </Page>
  );
}

function Import({ resource, tenant }: { resource: Resource; tenant: string }) {
  const kind = resource.csv ?? 'extensions';
  const id = useId();
  const [file, setFile] = useState<Blob>();
  const { busy, faults, setFaults, run } = useWork();
  const [report, setReport] = useState<CsvReport>();
  /** Which choice of a file counts: nothing is shown any more of what was chosen before. */
  const choice = useRef(0);
  const send = (chosen: Blob, preview: boolean, onFault: 'refuse' | 'skip' = 'refuse') =>
    run(async () => {
      const turn = choice.current;
      const found = await spreadsheets.send(tenant, kind, chosen, { preview, onFault }).catch((error: unknown) => {
        if (turn === choice.current) throw error;
      });
      if (found === undefined || turn !== choice.current) return;
      if (preview) return setReport(found);
      say(t('csv.done', { created: number(found.created), updated: number(found.updated) }));
      navigate(addressOf(resource, tenant));
    });
  // What is imported is what was looked at, whatever becomes of the file meanwhile.
  const choose = async (chosen: File | undefined) => {
    const turn = ++choice.current;
    setReport(undefined);
    setFaults([]);
    const read = await chosen?.arrayBuffer().then(
      (octets) => new Blob([octets]),
      () => setFaults([{ code: 'unreadable', path: '', message: t('csv.lost') }]),
    );
    if (turn !== choice.current) return;
    setFile(read ?? undefined);
    if (read) void send(read, true);
  };
  const good = report === undefined ? 0 : report.created + report.updated;
  return (
    <section class="card stack" aria-label={t('csv.import')}>
      <h2>{t('csv.import')}</h2>
      <p class="soft">{t(`csv.importText.${kind}`)}</p>
      <FaultSummary faults={faults} title={t('csv.unreadable')} />
      <div class="field">
        <label for={id} class="field-label">
          {t('csv.file')}
        </label>
        <input
          id={id}
          class="input file"
          type="file"
          accept=".csv,.txt,.tsv,text/csv"
          aria-describedby={`${id}-about`}
          onClick={(event) => {
            // The same file is chosen once more when it has been mended: a browser tells that only of an empty field.
            event.currentTarget.value = '';
            void choose(undefined);
          }}
          onChange={(event) => void choose(event.currentTarget.files?.[0])}
        />
        <p id={`${id}-about`} class="field-help">
          {t('csv.fileHelp')}
        </p>
      </div>
      {busy ? (
        <div role="status">
          <p class="soft">{t('csv.busy')}</p>
          <progress class="progress" aria-label={t('csv.busy')} />
        </div>
      ) : null}
      {report === undefined ? null : (
        <>
          <Preview report={report} />
          <div class="row row-end">
            {report.refused > 0 && good > 0 ? (
              <Button
                label={t('csv.runGood', { count: number(good) })}
                busy={busy}
                onClick={() => file && void send(file, false, 'skip')}
              />
            ) : null}
            <Button
              label={t('csv.run', { count: number(good) })}
              kind="primary"
              busy={busy}
              disabled={report.refused > 0 || good === 0}
              onClick={() => file && void send(file, false)}
            />
          </div>
        </>
      )}
    </section>
  );
}

const SEPARATOR_NAMES = { ',': 'csv.comma', ';': 'csv.semicolon', '\t': 'csv.tab' } as const;
const MOST_SHOWN = 200;
const FAULT_COLUMNS: readonly Column<CsvReport['faults'][number]>[] = [
  { title: 'csv.line', class: 'numeric', cell: ({ row }) => t('csv.lineNumber', { line: row }) },
  { title: 'csv.what', class: 'mono break', cell: ({ key }) => (key === '' ? '—' : key) },
  { title: 'csv.column', class: 'mono break', cell: ({ path }) => (path === '' ? '—' : path) },
  { title: 'csv.fault', class: 'break', cell: ({ message }) => inWords(message) },
];

function Preview({ report }: { report: CsvReport }) {
  const { rows, created, updated, unchanged, refused, faults, encoding, separator, columns } = report;
  return (
    <div class="stack" aria-live="polite">
      <Note kind={refused === 0 ? 'good' : 'warn'}>
        <p>
          <strong>{refused === 0 ? t('csv.allGood') : t('csv.someBad', { count: number(refused) })}</strong>
        </p>
        <p>
          {t('csv.counts', {
            rows: number(rows),
            created: number(created),
            updated: number(updated),
            unchanged: number(unchanged),
          })}
        </p>
        <p class="small">
          {t('csv.read', { encoding: encoding.toUpperCase(), separator: t(SEPARATOR_NAMES[separator]) })}{' '}
          {t('csv.columns', { columns: columns.join(', ') })}
        </p>
      </Note>
      {faults.length === 0 ? null : (
        <div class="card card-flush">
          <Rows
            caption={t('csv.faults')}
            columns={FAULT_COLUMNS}
            rows={faults.slice(0, MOST_SHOWN)}
            keyOf={({ row, path, message }) => `${row} ${path} ${message}`}
          />
          {faults.length > MOST_SHOWN ? (
            <p class="pager">{t('bulk.more', { count: number(faults.length - MOST_SHOWN) })}</p>
          ) : null}
        </div>
      )}
    </div>
  );
}
