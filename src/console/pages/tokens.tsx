import { useState } from 'preact/hooks';
import { tokens } from '../client/resources.ts';
import { mayChange } from '../client/session.ts';
import type { TokenView } from '../client/types.ts';
import { t } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { Confirm, Dialog, DialogActions } from '../ui/dialog.tsx';
import { FaultSummary, faultAt, orUnanswered, SubmitForm, TextField, useForm } from '../ui/form.tsx';
import { ShownSecret } from '../ui/new-password.tsx';
import { Page } from '../ui/page.tsx';
import { State, When } from '../ui/state.tsx';
import { type Column, Table, usePaged } from '../ui/table.tsx';
import { givenRole, initialRole, May, RoleFields } from './users.tsx';

const DAY_SECONDS = 86_400;

export function Tokens() {
  const rows = usePaged('tokens', tokens.list);
  const [asked, setAsked] = useState<'new' | TokenView>();
  const add = mayChange() ? (
    <Button label={t('tokens.new')} kind="primary" icon="plus" onClick={() => setAsked('new')} />
  ) : undefined;
  const close = () => {
    setAsked(undefined);
    rows.reload();
  };
  return (
    <Page title={t('tokens.title')} text={t('tokens.text')} actions={add}>
      <Table of="tokens" icon="key" columns={columns(setAsked)} rows={rows} keyOf={({ id }) => id} offer={add} />
      {asked === 'new' ? <NewToken onClose={close} /> : null}
      {asked === undefined || asked === 'new' ? null : (
        <Confirm
          title={t('tokens.revokeTitle', { name: asked.label ?? asked.id })}
          text={t('tokens.revokeText')}
          action={t('tokens.revoke')}
          work={() => tokens.revoke(asked.id)}
          said={t('tokens.revokedDone')}
          onClose={close}
        />
      )}
    </Page>
  );
}

function columns(revoke: (token: TokenView) => void): readonly Column<TokenView>[] {
  return [
    {
      title: 'tokens.label',
      cell: ({ id, label }) => (
        <>
          <span class="table-main break">{label ?? '—'}</span>
          <span class="table-sub mono">{id}</span>
        </>
      ),
    },
    { title: 'users.role', cell: (token) => <May {...token} /> },
    {
      title: 'tokens.made',
      cell: ({ createdAt, createdBy }) => (
        <>
          <When at={createdAt} />
          <span class="table-sub break">{t('tokens.by', { name: createdBy })}</span>
        </>
      ),
    },
    {
      title: 'registrations.ends',
      cell: ({ expiresAt }) => (expiresAt === undefined ? t('tokens.never') : <When at={expiresAt} />),
    },
    { title: 'fact.state', cell: (token) => <TokenState token={token} /> },
    {
      title: 'tokens.revoke',
      hideTitle: true,
      end: true,
      cell: (token) =>
        mayChange() && isGood(token) ? (
          <Button label={t('tokens.revoke')} small kind="danger-quiet" onClick={() => revoke(token)} />
        ) : null,
    },
  ];
}

function isGood({ revokedAt, expiresAt }: TokenView): boolean {
  return revokedAt === undefined && (expiresAt === undefined || Date.parse(expiresAt) > Date.now());
}

function TokenState({ token }: { token: TokenView }) {
  if (isGood(token)) return <State tone="good">{t('tokens.good')}</State>;
  return <State tone="none">{token.revokedAt === undefined ? t('tokens.expired') : t('tokens.revoked')}</State>;
}

function NewToken({ onClose }: { onClose: () => void }) {
  const daysLabel = t('tokens.days');
  const form = useForm(
    { label: '', days: '', ...initialRole() },
    { label: t('tokens.label'), tenant: t('provisioning.tenant'), days: daysLabel, expiresInSeconds: daysLabel },
  );
  const [made, setMade] = useState<string>();
  const { label, days } = form.values;
  const submit = () =>
    form.run(async () => {
      const asked = tokens.create({
        ...givenRole(form.values),
        ...(label === '' ? {} : { label }),
        // What is no number is sent as it is: the engine says what is wrong with it.
        ...(days === '' ? {} : { expiresInSeconds: Number.isNaN(Number(days)) ? days : Number(days) * DAY_SECONDS }),
      });
      setMade((await orUnanswered(asked, t('tokens.unanswered'))).token);
    });
  if (made !== undefined)
    return <ShownSecret title={t('tokens.new')} text={t('tokens.shown')} secret={made} onClose={onClose} />;
  return (
    <Dialog title={t('tokens.new')} busy={form.busy} onClose={onClose}>
      <SubmitForm onSubmit={submit}>
        <FaultSummary faults={form.faults} fields={form.labels} />
        <TextField {...form.field('label')} autofocus />
        <RoleFields form={form} />
        <TextField
          help={t('tokens.daysHelp')}
          optional
          inputMode="numeric"
          {...form.field('days')}
          error={faultAt(form.faults, 'expiresInSeconds')}
        />
        <DialogActions submit={t('tokens.new')} busy={form.busy} onClose={onClose} />
      </SubmitForm>
    </Dialog>
  );
}
