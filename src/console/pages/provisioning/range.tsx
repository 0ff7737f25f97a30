/** Extensions of consecutive numbers, made at once: all of them or none, each with a password of its own. */
import { useEffect, useState } from 'preact/hooks';
import { type Query, RequestError } from '../../client/http.ts';
import { spreadsheets } from '../../client/resources.ts';
import { strongPassword } from '../../client/strong-password.ts';
import type { CsvReport } from '../../client/types.ts';
import { navigate, useLeaveGuard } from '../../router.tsx';
import { number, t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { Confirm, Dialog } from '../../ui/dialog.tsx';
import { FaultSummary, SubmitForm, TextField, useForm } from '../../ui/form.tsx';
import { CopyButton } from '../../ui/new-password.tsx';
import { Page } from '../../ui/page.tsx';
import { few } from './model.ts';
import { numbersBetween } from './number-range.ts';
import { addressOf, nameOf, type Resource } from './resources.tsx';

const MOST_TOLD = 10;

export function NewRange({ resource, tenant }: { readonly resource: Resource; readonly tenant: string }) {
  const list = addressOf(resource, tenant);
  const form = useForm({ first: '', last: '' }, { first: t('range.first'), last: t('range.last') });
  const [made, setMade] = useState<readonly string[]>();
  /** Sent, and never answered; and those of them that are there now. */
  const [unanswered, setUnanswered] = useState<readonly string[]>();
  const [unseen, setUnseen] = useState<readonly string[]>();
  const [isKept, setKept] = useState(false);
  const isShown = (made ?? unseen) !== undefined && !isKept;
  useLeaveGuard(form.dirty || isShown, t(isShown ? 'range.leave' : 'form.leave'));
  // Once nothing is guarded any more.
  useEffect(() => {
    if (isKept) navigate(list, 'replace');
  }, [isKept]);
  const submit = () =>
    form.run(async () => {
      const numbers = numbersBetween(form.values.first.trim(), form.values.last.trim());
      if (numbers === undefined) throw fault('last', t('range.bad'));
      const isRepeated = unanswered !== undefined && String(unanswered.map(numberOf)) === String(numbers);
      const rows = isRepeated ? unanswered : numbers.map((known) => `${known},${strongPassword()}`);
      try {
        // A row of a number that is there would change it, password and all.
        await send(tenant, rows, { onPresent: 'refuse' });
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        if (error.code === 'unreachable') {
          setUnanswered(rows);
          throw new RequestError(0, 'unanswered', t('range.unanswered'));
        }
        if (error.code !== 'rows-refused') throw error;
        if (!isRepeated || !areAllPresent(error, numbers)) throw byNumber(error, numbers);
        setUnseen(rows);
        return;
      }
      setMade(rows);
    });
  return (
    <Page title={t('range.title')} text={tenant} up={{ to: list, label: nameOf(resource, 'title') }}>
      <SubmitForm class="card stack" onSubmit={submit}>
        <p class="soft">{t('range.text')}</p>
        <FaultSummary faults={form.faults} fields={form.labels} />
        <div class="fields">
          <TextField placeholder="101" mono inputMode="numeric" {...form.field('first')} />
          <TextField help={t('range.help')} placeholder="120" mono inputMode="numeric" {...form.field('last')} />
        </div>
        <div class="row row-end">
          <Button label={t('action.cancel')} onClick={() => navigate(list)} />
          <Button label={t('provisioning.add')} kind="primary" type="submit" busy={form.busy} />
        </div>
      </SubmitForm>
      {unseen === undefined ? null : (
        <Unseen {...{ unseen, tenant }} onDone={setMade} onClose={() => setUnseen(undefined)} />
      )}
      {made === undefined ? null : <Made {...{ made, tenant }} onDone={() => setKept(true)} />}
    </Page>
  );
}

function numberOf(row: string): string {
  return row.slice(0, row.indexOf(','));
}

function send(tenant: string, rows: readonly string[], query: Query = {}): Promise<CsvReport> {
  return spreadsheets.send(tenant, 'extensions', new Blob([['number,password', ...rows].join('\n')]), query);
}

/** The engine tells so many faults. */
const MOST_FAULTS = 1000;

function areAllPresent({ problems }: RequestError, numbers: readonly string[]): boolean {
  const isEach = problems.length === Math.min(numbers.length, MOST_FAULTS);
  return isEach && problems.every(({ code }) => code === 'exists');
}

function fault(path: string, message: string): RequestError {
  return new RequestError(422, 'range', message, [{ code: 'range', path, message }]);
}

/** What rows are refused for, by their numbers: nobody sees the lines of the file. */
function byNumber({ status, code, message, problems }: RequestError, numbers: readonly string[]): RequestError {
  const faults = problems.map((problem) => {
    const [, line] = /^rows\[(\d+)\]/.exec(problem.path) ?? [];
    // The header is the first line.
    return { ...problem, path: '', entry: numbers[Number(line) - 2] };
  });
  const taken = faults.filter((problem) => problem.code === 'exists').map(({ entry }) => entry);
  if (taken.length > 0) return fault('first', t('range.taken', { numbers: few(taken, MOST_TOLD) }));
  const untold = faults.length - MOST_TOLD;
  const more = untold > 0 ? [{ code, path: '', message: t('range.more', { count: number(untold) }) }] : [];
  return new RequestError(status, code, message, [...faults.slice(0, MOST_TOLD), ...more]);
}

interface MadeProps {
  readonly made: readonly string[];
  readonly tenant: string;
  readonly onDone: () => void;
}

function Made({ made, tenant, onDone }: MadeProps) {
  const save = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([['number,password', ...made].join('\r\n')], { type: 'text/csv' }));
    link.download = `${tenant}-passwords.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <Dialog title={t('range.made', { count: number(made.length) })}>
      <div class="stack">
        <p>{t('range.shown')}</p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard has to reach it */}
        <pre class="secret short-scroll" tabIndex={0}>
          {made.map((row) => row.replace(',', '  ')).join('\n')}
        </pre>
      </div>
      <div class="dialog-actions">
        <CopyButton text={made.map((row) => row.replace(',', '\t')).join('\n')} />
        <Button label={t('range.save')} onClick={save} />
        <Button label={t('range.done')} kind="primary" onClick={onDone} />
      </div>
    </Dialog>
  );
}

interface UnseenProps {
  readonly unseen: readonly string[];
  readonly tenant: string;
  readonly onDone: (made: readonly string[]) => void;
  readonly onClose: () => void;
}

/** They are there, and the answer that would have said who made them is lost: their passwords are set once more, if somebody says so. */
function Unseen({ unseen, tenant, onDone, onClose }: UnseenProps) {
  const set = async () => {
    await send(tenant, unseen);
    onDone(unseen);
  };
  return (
    <Confirm
      title={t('range.unseenTitle')}
      text={t('range.unseen', { numbers: few(unseen.map(numberOf), MOST_TOLD) })}
      action={t('range.setPasswords')}
      work={set}
      onClose={onClose}
    />
  );
}
