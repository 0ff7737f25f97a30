import { useEffect, useState } from 'preact/hooks';
import { webhooks } from '../client/resources.ts';
import { isSystemAdmin, mayChange } from '../client/session.ts';
import { strongPassword } from '../client/strong-password.ts';
import type { WebhookTestOutcome, WebhookView } from '../client/types.ts';
import { foundInWords, known, number, t } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { TenantChoice } from '../ui/choices.tsx';
import { Confirm, Dialog, DialogActions } from '../ui/dialog.tsx';
import {
  CheckField,
  FaultSummary,
  faultAt,
  orUnanswered,
  SubmitForm,
  TextField,
  useForm,
  useWork,
} from '../ui/form.tsx';
import { ShownSecret } from '../ui/new-password.tsx';
import { Note } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { State, When } from '../ui/state.tsx';
import { type Column, Table, usePaged } from '../ui/table.tsx';
import { say } from '../ui/toast.tsx';
import { EVENT_KINDS } from './events.tsx';
import { few } from './provisioning/model.ts';

const TOPICS = ['call-record', ...EVENT_KINDS];
/** Deliveries are told by no event. */
const REFRESH_MS = 5000;

type Asked = { readonly what: 'new' } | { readonly what: 'edit' | 'test' | 'delete'; readonly hook: WebhookView };

export function Webhooks() {
  const rows = usePaged('webhooks', webhooks.list, {}, REFRESH_MS);
  const [asked, setAsked] = useState<Asked>();
  const [secret, setSecret] = useState<string>();
  const add = mayChange() ? (
    <Button label={t('webhooks.new')} kind="primary" icon="plus" onClick={() => setAsked({ what: 'new' })} />
  ) : undefined;
  const close = () => {
    setAsked(undefined);
    rows.reload();
  };
  const saved = (given: string | undefined) => {
    close();
    setSecret(given);
    if (given === undefined) say(t('webhooks.saved'));
  };
  const hook = asked === undefined || asked.what === 'new' ? undefined : asked.hook;
  return (
    <Page title={t('webhooks.title')} text={t('webhooks.text')} actions={add}>
      <Table
        of="webhooks"
        icon="out"
        columns={columns((what, of) => setAsked({ what, hook: of }))}
        rows={rows}
        keyOf={({ id }) => id}
        offer={add}
      />
      {asked?.what === 'new' || asked?.what === 'edit' ? (
        <EditWebhook {...(hook && { hook })} onClose={close} onDone={saved} />
      ) : null}
      {asked?.what === 'test' ? <TestWebhook hook={asked.hook} onClose={close} /> : null}
      {asked?.what === 'delete' ? (
        <Confirm
          title={t('provisioning.delete', { name: asked.hook.url })}
          text={t('webhooks.deleteText')}
          action={t('action.delete')}
          work={() => webhooks.remove(asked.hook.id)}
          said={t('provisioning.deleted', { name: asked.hook.url })}
          onClose={close}
        />
      ) : null}
      {secret === undefined ? null : (
        <ShownSecret
          title={t('webhooks.secret')}
          text={t('webhooks.shown')}
          secret={secret}
          onClose={() => setSecret(undefined)}
        />
      )}
    </Page>
  );
}

function topicText(topic: string): string {
  return known(`event.${topic}`, topic);
}

function columns(ask: (what: 'edit' | 'test' | 'delete', hook: WebhookView) => void): readonly Column<WebhookView>[] {
  return [
    {
      title: 'webhooks.url',
      cell: ({ url, tenant, enabled }) => (
        <>
          <span class="table-main break">{url}</span>
          <span class="table-sub">
            {[tenant, enabled ? undefined : t('webhooks.off')].filter((word) => word !== undefined).join(' · ')}
          </span>
        </>
      ),
    },
    { title: 'webhooks.topics', cell: ({ topics }) => few(topics.map(topicText)) },
    { title: 'webhooks.deliveries', cell: (hook) => <Deliveries hook={hook} /> },
    {
      title: 'action.edit',
      hideTitle: true,
      end: true,
      cell: (hook) =>
        mayChange() ? (
          <span class="row row-end">
            <Button label={t('webhooks.test')} small onClick={() => ask('test', hook)} />
            <Button label={t('action.edit')} small onClick={() => ask('edit', hook)} />
            <Button label={t('action.delete')} small kind="danger-quiet" onClick={() => ask('delete', hook)} />
          </span>
        ) : null,
    },
  ];
}

function Deliveries({ hook: { deliveries } }: { readonly hook: WebhookView }) {
  if (deliveries === undefined) return t('webhooks.none');
  const { delivered, waiting, lost, lastAt, lastStatus, lastError } = deliveries;
  if (lastAt === undefined && delivered + waiting + lost === 0) return t('webhooks.none');
  return (
    <>
      {lastAt === undefined ? null : (
        <>
          <Outcome {...{ status: lastStatus, error: lastError }} /> <When at={lastAt} />
        </>
      )}
      <span class="table-sub">
        {t('webhooks.counts', { delivered: number(delivered), waiting: number(waiting), lost: number(lost) })}
      </span>
    </>
  );
}

function Outcome({ status, error }: { readonly status?: number | undefined; readonly error?: string | undefined }) {
  if (status === undefined)
    return (
      <span class="break">
        <State tone="bad">{t('webhooks.unanswered')}</State> {error && foundInWords(error)}
      </span>
    );
  return <State tone={isTaken(status) ? 'good' : 'bad'}>{t('webhooks.answered', { status })}</State>;
}

/** Whether the receiver has the delivery, and it is not tried again. */
function isTaken(status: number): boolean {
  return status >= 200 && status < 300;
}

interface EditProps {
  readonly hook?: WebhookView;
  readonly onClose: () => void;
  /** Hears the secret where a new one was given. */
  readonly onDone: (secret: string | undefined) => void;
}

function EditWebhook({ hook, onClose, onDone }: EditProps) {
  const form = useForm(
    {
      url: hook?.url ?? '',
      topics: hook?.topics ?? ['call-record'],
      tenant: hook?.tenant ?? '',
      enabled: hook?.enabled ?? true,
      allowPrivate: hook?.allowPrivate ?? false,
      newSecret: hook === undefined,
    },
    { url: t('webhooks.url'), topics: t('webhooks.topics'), tenant: t('provisioning.tenant') },
  );
  const { topics, tenant, enabled, allowPrivate, newSecret } = form.values;
  const title = hook === undefined ? t('webhooks.new') : t('webhooks.edit');
  const submit = async () => {
    const secret = newSecret ? strongPassword() : undefined;
    const typed = {
      ...{ url: form.values.url.trim(), topics, enabled },
      ...(isSystemAdmin() && { allowPrivate }),
      ...(isSystemAdmin() && (tenant !== '' || hook !== undefined) && { tenant: tenant === '' ? null : tenant }),
    };
    const body = { ...(hook === undefined ? typed : changesOf(hook, typed)), ...(secret !== undefined && { secret }) };
    const isDone = await form.run(() =>
      hook === undefined
        ? orUnanswered(webhooks.create(body), t('webhooks.lost'))
        : orUnanswered(webhooks.change(hook.id, body), t('webhooks.changeLost')),
    );
    if (isDone) onDone(secret);
  };
  return (
    <Dialog title={title} busy={form.busy} onClose={onClose}>
      <SubmitForm onSubmit={submit}>
        <FaultSummary faults={form.faults} fields={form.labels} />
        <TextField
          help={t('webhooks.urlHelp')}
          placeholder="https://crm.example.com/tandem"
          mono
          {...form.field('url')}
          autofocus
          required
        />
        {isSystemAdmin() ? (
          <TenantChoice
            label={t('provisioning.tenant')}
            help={t('webhooks.tenantHelp')}
            value={tenant}
            error={faultAt(form.faults, 'tenant')}
            onChange={(next) => form.change({ tenant: next })}
            none="—"
          />
        ) : null}
        <Topics {...{ topics }} error={faultAt(form.faults, 'topics')} onChange={(next) => form.set('topics', next)} />
        <CheckField label={t('webhooks.enabled')} {...form.check('enabled')} />
        {isSystemAdmin() ? (
          <CheckField label={t('webhooks.private')} help={t('webhooks.privateHelp')} {...form.check('allowPrivate')} />
        ) : null}
        {hook === undefined ? null : (
          <CheckField label={t('webhooks.newSecret')} help={t('webhooks.newSecretHelp')} {...form.check('newSecret')} />
        )}
        <DialogActions
          submit={hook === undefined ? t('webhooks.new') : t('action.save')}
          busy={form.busy}
          onClose={onClose}
        />
      </SubmitForm>
    </Dialog>
  );
}

/** The fields that were changed here: what somebody else changes meanwhile is not sent as it was. */
function changesOf(hook: WebhookView, typed: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const before: Readonly<Record<string, unknown>> = { tenant: null, ...hook };
  return Object.fromEntries(
    Object.entries(typed).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])),
  );
}

interface TopicsProps {
  readonly topics: readonly string[];
  readonly error: string | undefined;
  readonly onChange: (topics: string[]) => void;
}

function Topics({ topics, error, onChange }: TopicsProps) {
  return (
    <fieldset class="plain stack-small">
      <legend>{t('webhooks.topics')}</legend>
      {error === undefined ? null : <p class="field-error">{error}</p>}
      {TOPICS.map((topic) => (
        <CheckField
          key={topic}
          label={topicText(topic)}
          checked={topics.includes(topic)}
          onChange={(checked) => onChange(TOPICS.filter((each) => (each === topic ? checked : topics.includes(each))))}
        />
      ))}
    </fieldset>
  );
}

/** Posts a test delivery at once, and says what came of it. */
function TestWebhook({ hook, onClose }: { readonly hook: WebhookView; readonly onClose: () => void }) {
  const { busy, faults, run } = useWork();
  const [outcome, setOutcome] = useState<WebhookTestOutcome>();
  const post = () => run(async () => setOutcome(await webhooks.test(hook.id)));
  useEffect(() => void post(), []);
  return (
    <Dialog title={t('webhooks.test')} onClose={onClose}>
      <div class="stack">
        <p class="break">{t('webhooks.testText', { url: hook.url })}</p>
        <FaultSummary faults={faults} title={t('webhooks.testFailed')} />
        <div role="status">
          {busy ? <p class="working">{t('webhooks.testing')}</p> : null}
          {outcome === undefined || busy ? null : <Tested outcome={outcome} />}
        </div>
      </div>
      <div class="dialog-actions">
        <Button label={t('webhooks.again')} busy={busy} onClick={() => void post()} />
        <Button label={t('action.close')} kind="primary" onClick={onClose} />
      </div>
    </Dialog>
  );
}

function Tested({ outcome }: { readonly outcome: WebhookTestOutcome }) {
  const { status, error } = outcome;
  if (status === undefined)
    return (
      <Note kind="bad">
        {t('webhooks.unanswered')} {error && foundInWords(error)}
      </Note>
    );
  return isTaken(status) ? (
    <Note kind="good">{t('webhooks.taken', { status })}</Note>
  ) : (
    <Note kind="bad">{t('webhooks.refused', { status })}</Note>
  );
}
