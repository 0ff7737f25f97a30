import { useState } from 'preact/hooks';
import { users } from '../client/resources.ts';
import { isSystemAdmin, mayChange, session } from '../client/session.ts';
import type { Role, TokenView, UserView } from '../client/types.ts';
import { known, t } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { TenantChoice } from '../ui/choices.tsx';
import { Confirm, Dialog, DialogActions } from '../ui/dialog.tsx';
import {
  CheckField,
  FaultSummary,
  type Form,
  faultAt,
  SelectField,
  SubmitForm,
  TextField,
  useForm,
  useWork,
} from '../ui/form.tsx';
import { NewPasswordField } from '../ui/new-password.tsx';
import { Page } from '../ui/page.tsx';
import { State, When } from '../ui/state.tsx';
import { type Column, Table, usePaged } from '../ui/table.tsx';
import { say } from '../ui/toast.tsx';

type Asked = { readonly what: 'new' } | { readonly what: 'delete' | 'password'; readonly user: UserView };

export function Users() {
  const rows = usePaged('users', users.list);
  const [asked, setAsked] = useState<Asked>();
  const { faults, run } = useWork();
  const add = mayChange() ? (
    <Button label={t('users.new')} kind="primary" icon="plus" onClick={() => setAsked({ what: 'new' })} />
  ) : undefined;
  const close = () => setAsked(undefined);
  const done = (text: string) => {
    close();
    rows.reload();
    say(text);
  };
  return (
    <Page title={t('users.title')} text={t('users.text')} actions={add}>
      <FaultSummary faults={faults} />
      <Table
        of="users"
        icon="users"
        columns={columns((user) => run(() => toggle(user).then(rows.reload)), setAsked)}
        rows={rows}
        keyOf={({ id }) => id}
        offer={add}
      />
      {asked?.what === 'new' ? <NewUser onClose={close} onDone={done} /> : null}
      {asked?.what === 'password' ? <NewPassword user={asked.user} onClose={close} onDone={done} /> : null}
      {asked?.what === 'delete' ? (
        <Confirm
          title={t('provisioning.delete', { name: asked.user.id })}
          text={t('users.deleteText')}
          action={t('action.delete')}
          work={() => users.remove(asked.user.id)}
          onDone={() => done(t('provisioning.deleted', { name: asked.user.id }))}
          onClose={close}
        />
      ) : null}
    </Page>
  );
}

function toggle(user: UserView): Promise<UserView> {
  return users.change(user.id, { enabled: !user.enabled });
}

function columns(
  onToggle: (user: UserView) => Promise<unknown>,
  ask: (asked: Asked) => void,
): readonly Column<UserView>[] {
  return [
    {
      title: 'field.name',
      cell: ({ id, enabled }) => (
        <>
          <span class="table-main break">{id}</span>
          {enabled ? null : <span class="table-sub">{t('users.disabled')}</span>}
        </>
      ),
    },
    { title: 'users.role', cell: (user) => <May {...user} /> },
    {
      title: 'account.codes',
      cell: ({ codes }) => <State tone={codes ? 'good' : 'none'}>{codes ? t('users.on') : t('users.off')}</State>,
    },
    { title: 'users.made', cell: ({ createdAt }) => <When at={createdAt} /> },
    {
      title: 'action.edit',
      hideTitle: true,
      end: true,
      cell: (user) =>
        !mayChange() || user.id === session.value?.user ? null : (
          <span class="row row-end">
            <Button
              label={user.enabled ? t('users.disable') : t('users.enable')}
              small
              onClick={() => onToggle(user)}
            />
            <Button label={t('users.newPassword')} small onClick={() => ask({ what: 'password', user })} />
            <Button
              label={t('action.delete')}
              small
              kind="danger-quiet"
              onClick={() => ask({ what: 'delete', user })}
            />
          </span>
        ),
    },
  ];
}

export function May({ role, tenant, readOnly }: Pick<TokenView, 'role' | 'tenant' | 'readOnly'>) {
  return (
    <>
      {known(`role.${role}`, role)}
      <span class="table-sub">
        {[tenant, readOnly === true ? t('role.readOnly') : undefined].filter((word) => word !== undefined).join(' · ')}
      </span>
    </>
  );
}

interface RoleValues {
  readonly role: Role;
  readonly tenant: string;
  readonly readOnly: boolean;
}

/** What a user or token may do; a tenant admin gives its own tenant only. */
export function RoleFields({ form }: { form: Pick<Form<RoleValues>, 'values' | 'faults' | 'change' | 'check'> }) {
  const { role, tenant } = form.values;
  return (
    <>
      {isSystemAdmin() ? (
        <div class="fields">
          <SelectField
            label={t('users.role')}
            value={role}
            onChange={(next) => form.change({ role: next as Role })}
            options={(['system-admin', 'tenant-admin'] as const).map((value) => ({ value, label: t(`role.${value}`) }))}
          />
          {role === 'tenant-admin' ? (
            <TenantChoice
              label={t('provisioning.tenant')}
              help={t('users.tenantHelp')}
              value={tenant}
              error={faultAt(form.faults, 'tenant')}
              onChange={(next) => form.change({ tenant: next })}
              none="—"
            />
          ) : null}
        </div>
      ) : null}
      <CheckField label={t('users.readOnly')} help={t('users.readOnlyHelp')} {...form.check('readOnly')} />
    </>
  );
}

/** What is sent of them. */
export function givenRole({ role, tenant, readOnly }: RoleValues) {
  return { role, readOnly, ...(role === 'tenant-admin' && tenant !== '' ? { tenant } : {}) };
}

export function initialRole(): RoleValues {
  const own = session.value?.tenant;
  return { role: own === undefined ? 'system-admin' : 'tenant-admin', tenant: own ?? '', readOnly: false };
}

interface DialogProps {
  readonly onClose: () => void;
  readonly onDone: (text: string) => void;
}

function NewUser({ onClose, onDone }: DialogProps) {
  const form = useForm(
    { id: '', password: '', ...initialRole() },
    { id: t('field.name'), password: t('users.password'), tenant: t('provisioning.tenant') },
  );
  const { id, password } = form.values;
  const submit = async () => {
    const made = await form.run(() => users.create({ id, password, ...givenRole(form.values) }));
    if (made) onDone(t('users.added', { name: id }));
  };
  return (
    <Dialog title={t('users.new')} busy={form.busy} onClose={onClose}>
      <SubmitForm onSubmit={submit}>
        <FaultSummary faults={form.faults} fields={form.labels} />
        <TextField help={t('users.nameHelp')} {...form.field('id')} autofocus required />
        <NewPasswordField help={t('users.passwordHelp')} {...form.field('password')} required />
        <RoleFields form={form} />
        <DialogActions submit={t('users.new')} busy={form.busy} onClose={onClose} />
      </SubmitForm>
    </Dialog>
  );
}

function NewPassword({ user, onClose, onDone }: DialogProps & { user: UserView }) {
  const form = useForm({ password: '' }, { password: t('account.new') });
  const submit = async () => {
    const changed = await form.run(() => users.change(user.id, { password: form.values.password }));
    if (changed) onDone(t('users.passwordSet', { name: user.id }));
  };
  return (
    <Dialog title={`${t('users.newPassword')}: ${user.id}`} busy={form.busy} onClose={onClose}>
      <SubmitForm onSubmit={submit}>
        <FaultSummary faults={form.faults} fields={form.labels} />
        <NewPasswordField help={t('users.passwordHelp')} {...form.field('password')} autofocus required />
        <DialogActions submit={t('action.save')} busy={form.busy} onClose={onClose} />
      </SubmitForm>
    </Dialog>
  );
}
