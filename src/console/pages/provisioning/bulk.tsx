/** One change of many rows, and what came of it for each. */
import { useEffect, useState } from 'preact/hooks';
import { documents } from '../../client/resources.ts';
import { isSystemAdmin } from '../../client/session.ts';
import type { Document, ManyReport } from '../../client/types.ts';
import { inWords, number, t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog, DialogActions } from '../../ui/dialog.tsx';
import { FaultSummary, faultsOf, SelectField, SubmitForm, useWork } from '../../ui/form.tsx';
import { Note } from '../../ui/note.tsx';
import { OneField, useTrunkNames } from './fields.tsx';
import { draftOf, type FormDraft, fieldsOf, labelOf, patchOf } from './model.ts';
import { pathOf, type Resource } from './resources.tsx';
import { untold } from './untold.ts';

interface BulkProps {
  readonly resource: Resource;
  readonly tenant: string;
  readonly keys: readonly string[];
  readonly onDone: () => void;
  readonly onClose: () => void;
}

export function BulkChange({ resource, tenant, keys, onDone, onClose }: BulkProps) {
  const fields = fieldsOf(resource).filter(({ bulk, system }) => bulk === true && (system !== true || isSystemAdmin()));
  const [path, setPath] = useState(fields[0]?.path ?? '');
  const field = fields.find((known) => known.path === path) ?? fields[0];
  const [draft, setDraft] = useState<FormDraft>(draftOf({}, fields));
  const trunkNames = useTrunkNames(tenant);
  const change = useMany(resource, tenant, keys);
  if (field === undefined) return null;
  const count = number(keys.length);
  if (change.report !== undefined) return <Outcome report={change.report} resource={resource} onClose={onDone} />;
  return (
    <Dialog title={t('bulk.title', { count })} busy={change.busy} onClose={onClose}>
      <SubmitForm onSubmit={() => change.run(patchOf(field, draft))}>
        <FaultSummary faults={change.faults} />
        <SelectField
          label={t('bulk.field')}
          value={field.path}
          onChange={setPath}
          options={fields.map((known) => ({ value: known.path, label: labelOf(resource, known.path) }))}
        />
        <OneField
          key={field.path}
          form={resource}
          field={field}
          isNew
          mayEdit
          trunkNames={trunkNames}
          state={{
            values: draft,
            faults: [],
            change: (some) => setDraft((known) => ({ ...known, ...some }) as FormDraft),
          }}
        />
        <p class="small soft">{t('bulk.text')}</p>
        <DialogActions submit={t('bulk.run', { count })} busy={change.busy} onClose={onClose} />
      </SubmitForm>
    </Dialog>
  );
}

/** First it is asked what still names them: that stays, and is said before anything goes. */
export function BulkDelete({ resource, tenant, keys, onDone, onClose }: BulkProps) {
  const change = useMany(resource, tenant, keys);
  const [found, setFound] = useState<ManyReport>();
  useEffect(() => {
    documents
      .many(pathOf(resource, tenant), { keys, patch: null, preview: true })
      .then(setFound, (error) => change.setFaults(faultsOf(error)));
  }, []);
  if (change.report !== undefined) return <Outcome report={change.report} resource={resource} onClose={onDone} />;
  return (
    <Dialog title={t('bulk.deleteTitle', { count: number(keys.length) })} busy={change.busy} onClose={onClose}>
      <div class="stack">
        <FaultSummary faults={change.faults} />
        {found === undefined ? (
          <p class="soft" role="status">
            {t('bulk.looking')}
          </p>
        ) : (
          <>
            <p>{t('bulk.deleteText', { count: number(found.deleted) })}</p>
            {found.refused === 0 ? null : (
              <Refused
                report={found}
                title={t('bulk.deleteKept', { count: number(found.refused) })}
                resource={resource}
              />
            )}
          </>
        )}
      </div>
      <div class="dialog-actions">
        <Button label={t('action.cancel')} busy={change.busy} onClick={onClose} />
        <Button
          label={found === undefined ? t('action.delete') : t('bulk.delete', { count: number(found.deleted) })}
          kind="danger"
          busy={change.busy}
          disabled={found === undefined || found.deleted === 0}
          onClick={() => void change.run(null)}
        />
      </div>
    </Dialog>
  );
}

function useMany(resource: Resource, tenant: string, keys: readonly string[]) {
  const { run, ...work } = useWork();
  const [report, setReport] = useState<ManyReport>();
  const change = (patch: Document | null) =>
    run(async () => setReport(await documents.many(pathOf(resource, tenant), { keys, patch, onFault: 'skip' })));
  return { ...work, report, run: change };
}

function Outcome({ report, resource, onClose }: { report: ManyReport; resource: Resource; onClose: () => void }) {
  const { updated, deleted, unchanged, refused } = report;
  const counts = [
    ...(updated > 0 ? [t('bulk.updated', { count: number(updated) })] : []),
    ...(deleted > 0 ? [t('bulk.deleted', { count: number(deleted) })] : []),
    ...(unchanged > 0 ? [t('bulk.unchanged', { count: number(unchanged) })] : []),
  ];
  return (
    <Dialog title={t('bulk.outcome')} onClose={onClose}>
      <div class="stack" role="status">
        {counts.length === 0 ? null : <Note kind="good">{counts.join(' · ')}</Note>}
        {refused === 0 ? null : (
          <Refused report={report} title={t('bulk.refused', { count: number(refused) })} resource={resource} />
        )}
      </div>
      <div class="dialog-actions">
        <Button label={t('action.close')} kind="primary" onClick={onClose} />
      </div>
    </Dialog>
  );
}

function Refused({ report, title, resource }: { report: ManyReport; title: string; resource: Resource }) {
  const more = untold(report);
  return (
    <Note kind="bad">
      <p>
        <strong>{title}</strong>
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard has to reach it */}
      <section class="short-scroll" tabIndex={0} aria-label={title}>
        <ul>
          {report.faults.map(({ key, path, message }) => (
            <li class="break" key={key + path + message}>
              <strong class="mono">{key}</strong> {path === '' ? '' : `${labelOf(resource, path)}: `}
              {inWords(message)}
            </li>
          ))}
          {more > 0 ? <li>{t('bulk.more', { count: number(more) })}</li> : null}
        </ul>
      </section>
    </Note>
  );
}
