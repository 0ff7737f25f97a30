import { useState } from 'preact/hooks';
import {
  chooseLanguage,
  chooseTheme,
  chooseTimeZone,
  LANGUAGES,
  type Language,
  language,
  THEMES,
  type Theme,
  TIME_ZONES,
  type TimeZone,
  theme,
  timeZone,
} from '../client/preferences.ts';
import { users } from '../client/resources.ts';
import { enter, session } from '../client/session.ts';
import { useSignal } from '../client/signal.ts';
import type { Session } from '../client/types.ts';
import { exactTime, t } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { Fact } from '../ui/facts.tsx';
import { FaultSummary, SelectField, SubmitForm, TextField, useForm } from '../ui/form.tsx';
import { Page } from '../ui/page.tsx';
import { QrCode } from '../ui/qr-code.tsx';
import { say } from '../ui/toast.tsx';

export function Account() {
  const current = useSignal(session);
  if (current === undefined) return null;
  return (
    <Page title={t('account.title')} text={t('account.text')}>
      <div class="cards">
        <WhoCard current={current} />
        <LooksCard />
        {current.user === undefined ? null : <PasswordCard user={current.user} />}
        {current.user === undefined ? null : <CodesCard user={current.user} current={current} />}
      </div>
    </Page>
  );
}

function WhoCard({ current: { user, actor, role, tenant, readOnly, expiresAt } }: { current: Session }) {
  return (
    <section class="card">
      <h2>{t('account.signedInAs')}</h2>
      <dl class="facts">
        <Fact name={t('field.name')}>{user ?? nameOf(actor ?? '')}</Fact>
        <Fact name={t('account.role')}>
          {role === undefined ? '' : t(`role.${role}`)}
          {readOnly === true ? ` · ${t('role.readOnly')}` : ''}
        </Fact>
        <Fact name={t('provisioning.tenant')}>{tenant}</Fact>
        <Fact name={t('account.until')}>{expiresAt && exactTime(expiresAt)}</Fact>
      </dl>
    </section>
  );
}

/** Whoever has no user here: vouched for by an identity provider, or let in by a link. */
function nameOf(actor: string): string {
  const isByProvider = actor.startsWith('oidc:');
  return `${isByProvider ? actor.slice(5) : actor} (${t(isByProvider ? 'account.provider' : 'account.link')})`;
}

function LooksCard() {
  return (
    <section class="card">
      <h2>{t('account.looks')}</h2>
      <div class="fields">
        <SelectField
          label={t('account.language')}
          value={useSignal(language)}
          onChange={(value) => chooseLanguage(value as Language)}
          options={LANGUAGES.map((value) => ({ value, label: t(`language.${value}`) }))}
        />
        <SelectField
          label={t('account.theme')}
          value={useSignal(theme)}
          onChange={(value) => chooseTheme(value as Theme)}
          options={THEMES.map((value) => ({ value, label: t(`theme.${value}`) }))}
        />
        <SelectField
          label={t('account.timeZone')}
          value={useSignal(timeZone)}
          onChange={(value) => chooseTimeZone(value as TimeZone)}
          options={TIME_ZONES.map((value) => ({
            value,
            label: t(`timeZone.${value}`, { zone: Intl.DateTimeFormat().resolvedOptions().timeZone }),
          }))}
        />
      </div>
    </section>
  );
}

function PasswordCard({ user }: { user: string }) {
  const empty = { currentPassword: '', password: '' };
  const form = useForm(empty, { currentPassword: t('account.current'), password: t('account.new') });
  const submit = async () => {
    if (!(await form.run(() => users.change(user, form.values)))) return;
    form.setAll(empty);
    say(t('account.changed'));
  };
  return (
    <section class="card">
      <h2>{t('field.password')}</h2>
      <SubmitForm onSubmit={submit}>
        <FaultSummary faults={form.faults} fields={form.labels} />
        <input type="hidden" name="username" autocomplete="username" value={user} />
        <TextField type="password" autocomplete="current-password" {...form.field('currentPassword')} required />
        <TextField
          help={t('firstRun.passwordHelp')}
          type="password"
          autocomplete="new-password"
          {...form.field('password')}
          required
        />
        <div>
          <Button label={t('account.change')} kind="primary" type="submit" busy={form.busy} />
        </div>
      </SubmitForm>
    </section>
  );
}

function CodesCard({ user, current }: { user: string; current: Session }) {
  const [begun, setBegun] = useState<{ readonly secret: string; readonly uri: string }>();
  const form = useForm(
    { code: '', currentPassword: '' },
    { code: t('account.codesCode'), currentPassword: t('account.current') },
  );
  const begin = () => form.run(async () => setBegun(await users.beginCodes(user)));
  const done = (codes: boolean, text: string) => {
    setBegun(undefined);
    form.setAll({ code: '', currentPassword: '' });
    if (session.value !== undefined) enter({ ...session.value, codes });
    say(text);
  };
  const confirm = async () => {
    if (await form.run(() => users.confirmCodes(user, form.values.code))) done(true, t('account.codesDone'));
  };
  const remove = async () => {
    const { currentPassword } = form.values;
    if (await form.run(() => users.change(user, { codes: false, currentPassword })))
      done(false, t('account.codesGone'));
  };
  const isOn = current.codes === true;
  return (
    <section class="card">
      <h2>{t('account.codes')}</h2>
      <SubmitForm
        onSubmit={() => {
          void (isOn ? remove() : begun === undefined ? begin() : confirm());
        }}
      >
        <p class="soft">{isOn ? t('account.codesOn') : t('account.codesOff')}</p>
        <FaultSummary faults={form.faults} fields={form.labels} />
        {isOn ? (
          <TextField type="password" autocomplete="current-password" {...form.field('currentPassword')} required />
        ) : null}
        {begun === undefined || isOn ? null : (
          <>
            <p>{t('account.codesSecret')}</p>
            <QrCode text={begun.uri} label={t('account.codesPicture')} />
            <p class="secret">{begun.secret.replace(/(.{4})/g, '$1 ').trim()}</p>
            <p>
              <a href={begun.uri}>{t('account.codesOpen')}</a>
            </p>
            <TextField inputMode="numeric" autocomplete="one-time-code" {...form.field('code')} required />
          </>
        )}
        <div>
          <Button
            label={
              isOn
                ? t('account.codesRemove')
                : begun === undefined
                  ? t('account.codesBegin')
                  : t('account.codesConfirm')
            }
            type="submit"
            kind={isOn ? 'danger-quiet' : 'primary'}
            busy={form.busy}
          />
        </div>
      </SubmitForm>
    </section>
  );
}
